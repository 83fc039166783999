"""The events of one response, and any number of readers at their own pace."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from funland.v1.inference_pb2 import Delta, Message, ToolCall, ToolCallDelta
from funland.v1.responses_pb2 import Response, ResponseEvent
from funland_server.responses.journal import Journal, replay


def delta(text: str) -> ResponseEvent:
    return ResponseEvent(delta=Delta(text=text))


def end() -> ResponseEvent:
    return ResponseEvent(completed=Response(state=Response.COMPLETED))


async def read(journal: Journal, after: int = 0) -> list[ResponseEvent]:
    return [event async for event in journal.read(after)]


async def test_readers_get_every_event_whenever_they_come() -> None:
    journal = Journal()
    slow = journal.read(after=0)
    fast = asyncio.create_task(read(journal))
    journal.add(delta("a"))

    async with aclosing(slow):
        first = await anext(slow)  # and then it reads nothing for a while
        journal.add(delta("b"))
        journal.add(end())
        late = await read(journal)
        rest = [event async for event in slow]

    assert [event.number for event in late] == [1, 2, 3]
    assert await fast == late == [first, *rest]


async def test_a_reader_waits_for_the_number_it_names() -> None:
    journal = Journal()
    journal.add(delta("a"))
    reader = asyncio.create_task(read(journal, after=2))
    for text in "bc":
        journal.add(delta(text))
    journal.add(end())

    assert [event.number for event in await reader] == [3, 4]


async def test_the_end_comes_to_whoever_has_seen_it_too() -> None:
    journal = Journal()
    journal.add(end())

    (again,) = await read(journal, after=1)

    assert again.HasField("completed")


def test_a_replay_has_all_of_the_answer_in_one_delta() -> None:
    call = ToolCall(id="1", name="weather", arguments="{}")
    output = Message(role=Message.ASSISTANT, content="a", reasoning="b", tool_calls=[call])
    response = Response(state=Response.COMPLETED, output=output)

    _, event, completed = replay(response, after=0)

    piece = ToolCallDelta(index=0, id="1", name="weather", arguments="{}")
    assert event.delta == Delta(text="a", reasoning="b", tool_calls=[piece])
    assert completed.completed == response


def test_a_replay_of_no_answer_has_no_delta() -> None:
    response = Response(state=Response.CANCELLED, background=True)

    created, completed = replay(response, after=0)

    assert created.created.state == Response.QUEUED
    assert completed.completed == response
