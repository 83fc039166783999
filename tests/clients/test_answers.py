"""A streamed answer tells its text as it comes and what it took at its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from funland.v1.inference_pb2 import (
    Delta,
    Finish,
    GenerationEvent,
    Loading,
    Message,
    Prefill,
    Queued,
    Start,
    ToolCall,
    ToolCallDelta,
    Usage,
)
from funland.v1.responses_pb2 import Response, ResponseEvent
from funland_client import (
    AsyncEventStream,
    AsyncTextStream,
    EventStream,
    ResponseStream,
    TextStream,
)
from funland_client.errors import (
    QueueFullError,
    ServerUnreachableError,
    StreamBrokenError,
    WorkerLostError,
)
from funland_client.retries import Attempts

START = GenerationEvent(start=Start(id="1", model="tiny"))
WORDS = [GenerationEvent(delta=Delta(text="Once ")), GenerationEvent(delta=Delta(text="upon"))]
LOADING = GenerationEvent(loading=Loading(model="tiny", stage=Loading.READING, fraction=0.5))
FINISH = GenerationEvent(finish=Finish(reason=Finish.STOP, usage=Usage(completion_tokens=2)))


class Call:
    """Stands for gRPC's own call: gives messages, then ends or fails."""

    def __init__(self, events: Iterable[Any], failure: grpc.RpcError | None = None) -> None:
        self._events = iter(events)
        self._failure = failure
        self.cancelled = False

    def __next__(self) -> Any:
        for event in self._events:
            return event
        raise self._failure or StopIteration

    def cancel(self) -> None:
        self.cancelled = True


def answer(*calls: Call, n: int = 1, retries: int = 0) -> TextStream:
    """An answer whose first attempt is the first call, and so on."""
    attempts = iter(calls)
    events = EventStream(lambda: next(attempts), "127.0.0.1:1", Attempts(retries, None))
    return TextStream(events, n)


def lost() -> grpc.RpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, "reset")


def refused(reason: str, code: grpc.StatusCode) -> grpc.RpcError:
    """What Funland raises who says that it may be tried again at once."""
    status = Status(code=code.value[0], message=reason)
    for detail in (ErrorInfo(reason=reason, domain="funland"), RetryInfo(retry_delay=Duration())):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, reason)


class AsyncCall:
    """As `Call`, for event loops."""

    def __init__(
        self, events: Iterable[GenerationEvent], failure: grpc.RpcError | None = None
    ) -> None:
        self._call = Call(events, failure)

    async def read(self) -> GenerationEvent | object:
        try:
            return next(self._call)
        except StopIteration:
            return grpc.aio.EOF

    def cancel(self) -> None:
        self._call.cancel()


def async_answer(*calls: AsyncCall, retries: int = 0) -> AsyncTextStream:
    attempts: Iterator[Any] = iter(calls)
    events: AsyncEventStream[GenerationEvent] = AsyncEventStream(
        lambda: next(attempts), "127.0.0.1:1", Attempts(retries, None)
    )
    return AsyncTextStream(events)


def full() -> grpc.RpcError:
    return refused("QUEUE_FULL", grpc.StatusCode.RESOURCE_EXHAUSTED)


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


def test_several_texts_are_told_apart_and_end_when_all_have() -> None:
    second = [
        GenerationEvent(choice=1, delta=Delta(text="Twice")),
        GenerationEvent(choice=1, finish=Finish(reason=Finish.LENGTH)),
    ]
    stream = answer(Call([START, WORDS[0], *second, WORDS[1], FINISH]), n=2)

    assert "".join(stream) == "Once upon"
    assert [text.text for text in stream.texts] == ["Once upon", "Twice"]
    assert stream.texts[1].finish == Finish(reason=Finish.LENGTH)


def test_several_texts_of_which_one_never_ends_are_a_failure() -> None:
    with pytest.raises(StreamBrokenError):
        list(answer(Call([START, *WORDS, FINISH]), n=2))


def test_reasoning_and_calls_are_put_together_beside_the_text() -> None:
    deltas = [
        Delta(reasoning="Let me "),
        Delta(reasoning="see."),
        Delta(text="Well."),
        Delta(tool_calls=[ToolCallDelta(index=0, id="a", name="weather", arguments='{"city":')]),
        Delta(tool_calls=[ToolCallDelta(index=1, id="b", name="time")]),
        Delta(tool_calls=[ToolCallDelta(index=0, arguments='"Rome"}')]),
    ]
    stream = answer(Call([START, *(GenerationEvent(delta=delta) for delta in deltas), FINISH]))

    assert list(stream) == ["Well."]
    assert stream.message == Message(
        role=Message.ASSISTANT,
        content="Well.",
        reasoning="Let me see.",
        tool_calls=[
            ToolCall(id="a", name="weather", arguments='{"city":"Rome"}'),
            ToolCall(id="b", name="time"),
        ],
    )


def test_events_are_all_given_to_who_wants_them() -> None:
    queued = GenerationEvent(queued=Queued(position=3))
    events = [START, queued, *WORDS, FINISH]
    stream = answer(Call(events))
    positions: list[int] = []

    for number, event in enumerate(stream.events()):
        assert event == events[number]
        positions.append(stream.queue_position)

    assert positions == [0, 3, 0, 0, 0]
    assert stream.text == "Once upon"


def test_a_call_that_was_refused_is_made_again() -> None:
    stream = answer(Call([], full()), Call([], full()), Call([START, *WORDS, FINISH]), retries=2)

    assert "".join(stream) == "Once upon"


def test_a_load_is_told_until_the_answer_begins() -> None:
    stream = answer(Call([LOADING, START, *WORDS, FINISH]))
    told: list[Loading | None] = [stream.loading]

    told += [stream.loading for _ in stream.events()]

    assert told == [None, LOADING.loading, None, None, None, None]


def test_a_call_that_failed_while_its_model_was_loaded_is_made_again() -> None:
    failed = Call([LOADING], full())

    assert "".join(answer(failed, Call([LOADING, START, *WORDS, FINISH]), retries=1)) == "Once upon"


def test_a_response_tells_the_load_and_the_prompt() -> None:
    created = ResponseEvent(created=Response(state=Response.IN_PROGRESS))
    events = [
        ResponseEvent(loading=LOADING.loading),
        created,
        ResponseEvent(prefill=Prefill(done=4, total=9)),
        ResponseEvent(delta=WORDS[0].delta),
        ResponseEvent(completed=Response(state=Response.COMPLETED)),
    ]
    calls = iter([Call(events)])
    stream = ResponseStream(EventStream(lambda: next(calls), "", Attempts(0, None)))

    told = [(stream.loading, stream.prefill) for _ in stream.events()]

    prefill = events[2].prefill
    assert told == [
        (LOADING.loading, None), (None, None), (None, prefill), (None, prefill), (None, prefill),
    ]  # fmt: skip


def test_a_call_is_not_made_again_for_ever() -> None:
    with pytest.raises(QueueFullError):
        list(answer(Call([], full()), Call([], full()), Call([]), retries=1))


def test_a_call_that_has_told_something_is_not_made_again() -> None:
    failure = refused("WORKER_LOST", grpc.StatusCode.UNAVAILABLE)
    stream = answer(Call([START, WORDS[0]], failure), Call([START, *WORDS, FINISH]), retries=2)

    with pytest.raises(WorkerLostError):
        list(stream)
    assert stream.text == "Once "


async def test_the_asynchronous_stream_makes_refused_calls_again_too() -> None:
    whole = AsyncCall([START, *WORDS, FINISH])
    refused_first = async_answer(AsyncCall([], full()), whole, retries=1)
    told_something = async_answer(AsyncCall([START, WORDS[0]], full()), whole, retries=1)

    assert "".join([text async for text in refused_first]) == "Once upon"
    with pytest.raises(QueueFullError):
        async for _ in told_something:
            pass
    assert told_something.text == "Once "


async def test_the_asynchronous_stream_gives_all_events() -> None:
    stream = async_answer(AsyncCall([START, *WORDS, FINISH]))

    assert [event async for event in stream.events()] == [START, *WORDS, FINISH]
    assert stream.complete
