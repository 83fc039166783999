"""A slow reader finds what came joined to one event."""

from __future__ import annotations

import asyncio

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Finish
from funland.worker.v1.worker_pb2 import Failure, SequenceEvent
from funland_server.errors import WorkerLostError
from funland_server.workers.mailbox import Mailbox


async def test_what_was_not_taken_is_joined() -> None:
    mailbox = Mailbox()
    mailbox.put(SequenceEvent(text="a", tokens=1))
    mailbox.put(SequenceEvent(text="b", tokens=2))
    mailbox.put(SequenceEvent(tokens=1, finish=Finish(reason=Finish.STOP)))

    event = await mailbox.take()

    assert (event.text, event.tokens, event.finish.reason) == ("ab", 4, Finish.STOP)


async def test_a_failure_joins_the_text_before_it() -> None:
    mailbox = Mailbox()
    mailbox.put(SequenceEvent(text="a"))
    mailbox.put(SequenceEvent(failure=Failure(reason=ErrorReason.INTERNAL_ERROR)))

    event = await mailbox.take()

    assert event.text == "a"
    assert event.HasField("failure")


async def test_what_was_taken_does_not_come_again() -> None:
    mailbox = Mailbox()
    mailbox.put(SequenceEvent(text="a"))
    await mailbox.take()
    waiting = asyncio.ensure_future(mailbox.take())
    await asyncio.sleep(0)
    assert not waiting.done()

    mailbox.put(SequenceEvent(text="b"))

    assert (await waiting).text == "b"


async def test_an_error_comes_after_the_text_and_stays() -> None:
    mailbox = Mailbox()
    mailbox.put(SequenceEvent(text="a"))
    mailbox.fail(WorkerLostError("m"))

    assert (await mailbox.take()).text == "a"
    for _ in range(2):
        with pytest.raises(WorkerLostError):
            await mailbox.take()
