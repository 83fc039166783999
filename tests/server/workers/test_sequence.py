"""A slow reader finds what came joined to one event."""

from __future__ import annotations

import asyncio

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Delta, Finish, Prefill, PromptLogprobs, TokenLogprob
from funland.worker.v1.worker_pb2 import Failure, SequenceEvent
from funland_server.workers.errors import WorkerLostError
from funland_server.workers.failures import WorkerDefectError
from funland_server.workers.sequence import Sequence


async def test_what_was_not_taken_is_joined() -> None:
    sequence = Sequence("m", 1)
    sequence.put(SequenceEvent(delta=Delta(text="a"), tokens=1))
    sequence.put(SequenceEvent(delta=Delta(text="b"), tokens=2))
    sequence.put(SequenceEvent(tokens=1, finish=Finish(reason=Finish.STOP)))

    event = await sequence.take()

    assert (event.delta.text, event.tokens, event.finish.reason) == ("ab", 4, Finish.STOP)


async def test_what_is_told_of_a_prompt_is_joined_too() -> None:
    sequence = Sequence("m", 1)
    tokens = PromptLogprobs(tokens=[TokenLogprob(token_id=4)])
    sequence.put(SequenceEvent(prefill=Prefill(done=1, total=3)))
    sequence.put(SequenceEvent(prefill=Prefill(done=3, total=3)))
    sequence.put(SequenceEvent(prompt_logprobs=tokens))
    sequence.put(SequenceEvent(delta=Delta(text="a"), tokens=1))

    event = await sequence.take()

    assert (event.prefill.done, event.delta.text, event.tokens) == (3, "a", 1)
    assert event.prompt_logprobs == tokens


async def test_a_failure_joins_the_text_before_it() -> None:
    sequence = Sequence("m", 1)
    sequence.put(SequenceEvent(delta=Delta(text="a")))
    sequence.put(SequenceEvent(failure=Failure(reason=ErrorReason.INTERNAL_ERROR)))

    with pytest.raises(WorkerDefectError):
        await sequence.take()

    assert sequence.open_texts == 0


async def test_what_was_taken_does_not_come_again() -> None:
    sequence = Sequence("m", 1)
    sequence.put(SequenceEvent(delta=Delta(text="a")))
    await sequence.take()
    waiting = asyncio.ensure_future(sequence.take())
    await asyncio.sleep(0)
    assert not waiting.done()

    sequence.put(SequenceEvent(delta=Delta(text="b")))

    assert (await waiting).delta.text == "b"


async def test_an_error_comes_after_the_text_and_stays() -> None:
    sequence = Sequence("m", 1)
    sequence.put(SequenceEvent(delta=Delta(text="a")))
    sequence.fail(WorkerLostError("m"))

    assert (await sequence.take()).delta.text == "a"
    for _ in range(2):
        with pytest.raises(WorkerLostError):
            await sequence.take()
