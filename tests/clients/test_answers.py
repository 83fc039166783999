"""A streamed answer tells its text as it comes and what it took at its end."""

from __future__ import annotations

from collections.abc import Iterable

import grpc
import grpc.aio
import pytest

from funland.v1.inference_pb2 import Delta, Finish, GenerationEvent, Start, Usage
from funland_client import EventStream, TextStream
from funland_client.errors import ServerUnreachableError, StreamBrokenError

START = GenerationEvent(start=Start(id="1", model="tiny"))
WORDS = [GenerationEvent(delta=Delta(text="Once ")), GenerationEvent(delta=Delta(text="upon"))]
FINISH = GenerationEvent(finish=Finish(reason=Finish.STOP, usage=Usage(completion_tokens=2)))


class Call:
    """Stands for gRPC's own call: gives messages, then ends or fails."""

    def __init__(
        self, events: Iterable[GenerationEvent], failure: grpc.RpcError | None = None
    ) -> None:
        self._events = iter(events)
        self._failure = failure
        self.cancelled = False

    def __next__(self) -> GenerationEvent:
        for event in self._events:
            return event
        raise self._failure or StopIteration

    def cancel(self) -> None:
        self.cancelled = True


def answer(call: Call) -> TextStream:
    return TextStream(EventStream(call, "127.0.0.1:1"))


def lost() -> grpc.RpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, "reset")


def test_it_gives_the_pieces_then_what_it_took() -> None:
    stream = answer(Call([START, *WORDS, FINISH]))

    assert list(stream) == ["Once ", "upon"]
    assert (stream.id, stream.model, stream.text) == ("1", "tiny", "Once upon")
    assert stream.complete
    assert stream.finish.usage.completion_tokens == 2


def test_events_of_later_versions_are_passed_over() -> None:
    stream = answer(Call([START, GenerationEvent(), *WORDS, FINISH]))

    assert "".join(stream) == "Once upon"


def test_what_it_took_is_not_told_before_its_end() -> None:
    stream = answer(Call([START, *WORDS, FINISH]))
    next(stream)

    assert not stream.complete
    with pytest.raises(RuntimeError, match="not complete"):
        _ = stream.finish


def test_an_end_without_finish_is_a_failure() -> None:
    stream = answer(Call([START, *WORDS]))

    with pytest.raises(StreamBrokenError):
        list(stream)
    assert stream.text == "Once upon"


def test_a_connection_lost_in_the_middle_is_not_a_server_to_be_started() -> None:
    stream = answer(Call([START, *WORDS], lost()))

    with pytest.raises(StreamBrokenError):
        list(stream)


def test_a_connection_never_made_is() -> None:
    with pytest.raises(ServerUnreachableError):
        list(answer(Call([], lost())))


def test_leaving_the_block_cancels_the_call_and_ends_the_iteration() -> None:
    call = Call([START, *WORDS, FINISH])

    with answer(call) as stream:
        assert next(stream) == "Once "

    assert call.cancelled
    assert list(stream) == []
