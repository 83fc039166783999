"""Answers that nobody follows, and those of a server that stops; and what is counted."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from funland.v1.sessions_pb2 import Session, SessionEvent, SessionMessage
from funland.v1.system_pb2 import GetMetricsRequest
from funland_server.app import Server
from funland_server.errors import ServerStoppingError
from tests.processes import still
from tests.server.chat.calls import (
    ENDLESS,
    GREEDY,
    LONG,
    all_of,
    begun,
    create,
    kept,
    leave,
    message,
    reason,
    running,
    send,
    stream,
    text,
    watch,
)
from tests.server.chat.talking import talk
from tests.server.conftest import call, until


async def test_an_answer_that_nobody_follows_is_cancelled_after_a_while(tmp_path: Path) -> None:
    async with running(tmp_path / "home", session_linger_seconds=0.2) as server:
        session = await create(server, ENDLESS)
        other = await create(server, LONG)
        watching = asyncio.create_task(until_end(server, other))
        await leave(stream(server, session, "Hello!"))
        await leave(stream(server, other, "Hello!"))

        await until(lambda: kept(server, session)[-1][0] == SessionMessage.CANCELLED)

        assert (await watching).state == SessionMessage.INCOMPLETE, "it was followed"


async def until_end(server: Server, session: Session) -> SessionMessage:
    async with aclosing(watch(server, session)) as events:
        async for event in events:
            if event.HasField("message") and event.message.HasField("usage"):
                return event.message
    raise AssertionError("It did not end.")


async def test_numbers_go_on_over_a_restart_and_what_was_written_is_told(
    own_server: Server,
) -> None:
    server = own_server
    session = await create(server, ENDLESS)
    async with aclosing(stream(server, session, "Hello!")) as events:
        first = await anext(event async for event in events if event.HasField("delta"))
        answer, number = first.message_id, first.number
        rest: list[SessionEvent] = []

        async def read() -> None:
            async for event in events:
                rest.append(event)

        with still():
            stopped = asyncio.create_task(server.stop(0))
            assert await reason(read()) == "SERVER_STOPPING"
    await stopped
    last = rest[-1]

    async with running(server.settings.now.home) as again:
        found = await message(again, session, answer)
        async with aclosing(watch(again, session, number)) as watching:
            _, told = [await anext(watching) for _ in range(2)]
        new = (await all_of(stream(again, session, "Go on.", sampling=GREEDY)))[0]

    assert last.message == found == told.message
    assert found.state == SessionMessage.CUT_OFF
    assert found.message.content
    assert new.number > last.number > number


async def test_a_stop_lets_answers_go_on_and_then_ends_the_watches(own_server: Server) -> None:
    server = own_server
    session = await create(server, ENDLESS)
    idle = await create(server)
    reading = asyncio.create_task(reason(all_of(watch(server, idle))))
    async with talk(server) as caller:
        caller.open(session)
        caller.send("Hello!")
        await caller.next("delta")
        with still():
            stopping = asyncio.create_task(server.stop(20))
            assert await reading == "SERVER_STOPPING"
        events: list[SessionEvent] = []

        async def read() -> None:
            async for event in caller.events:
                events.append(event)

        with pytest.raises(ServerStoppingError):
            await read()
        await stopping

    assert events[-1].message.state == SessionMessage.INCOMPLETE
    assert events[-1].message.usage.completion_tokens == ENDLESS.max_tokens
    assert text(events)


async def test_what_waits_for_its_turn_when_the_server_stops_is_not_said(
    own_server: Server,
) -> None:
    server = own_server
    session = await create(server, ENDLESS)
    async with aclosing(stream(server, session, "Hello!")) as events:
        answer = await begun(events)
        waiting = asyncio.create_task(reason(send(server, session, "Wait!")))
        await asyncio.sleep(0)
        with still():
            stopped = asyncio.create_task(server.stop(0))
            assert await waiting == "SERVER_STOPPING"
        await stopped

    assert [state for state, _ in kept(server, session)] == [
        SessionMessage.COMPLETED, SessionMessage.CUT_OFF,
    ]  # fmt: skip
    assert answer


async def test_a_conversation_in_which_something_waits_for_its_turn_ends_with_the_stop(
    own_server: Server,
) -> None:
    session = await create(own_server, ENDLESS)
    async with talk(own_server) as caller:
        caller.open(session)
        caller.send("Hello!")
        await caller.next("delta")
        caller.send("Wait!")
        caller.end()
        events: list[SessionEvent] = []

        async def read() -> None:
            async for event in caller.events:
                events.append(event)

        with still():
            stopping = asyncio.create_task(own_server.stop(0))
            await asyncio.sleep(0)
        with pytest.raises(ServerStoppingError):
            await read()
        await stopping

    assert events[-1].message.state == SessionMessage.CUT_OFF
    assert not any(event.HasField("rejected") for event in events)


async def test_answers_are_counted(own_server: Server) -> None:
    server = own_server
    session = await create(server)
    await send(server, session, "Hello!")
    metrics = (await call(server, "GetMetrics", GetMetricsRequest())).data.decode()

    assert 'funland_session_answers_total{state="INCOMPLETE"} 1.0' in metrics
    assert "funland_session_answers_active 0.0" in metrics
