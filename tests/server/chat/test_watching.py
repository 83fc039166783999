"""Watchers of a session, from any event on, and callers who speak over the same stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
import pytest_asyncio

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.sessions_pb2 import ConverseRequest, Session, SessionEvent, SessionMessage
from funland_server.app import Server
from funland_server.chat import journal
from funland_server.domain import RequestRefused
from funland_server.errors import FieldInvalidError, Violation
from tests.server.chat.calls import (
    ENDLESS,
    GREEDY,
    LONG,
    all_of,
    begun,
    cancel,
    create,
    ended,
    get,
    leave,
    message,
    running,
    send,
    stream,
    update,
    watch,
)
from tests.server.chat.talking import talk
from tests.server.conftest import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with running(tmp_path_factory.mktemp("home")) as server:
        yield server


async def until_end(server: Server, session: Session, after: int | None) -> list[SessionEvent]:
    """What a watcher is told until an answer has ended."""
    events: list[SessionEvent] = []
    async with aclosing(watch(server, session, after)) as watching:
        async for event in watching:
            events.append(event)
            if event.message.state not in (0, SessionMessage.IN_PROGRESS, SessionMessage.COMPLETED):
                return events
    raise AssertionError("It did not end.")


def written(events: list[SessionEvent]) -> str:
    """The answer as a watcher puts it together: each `message` in place of what was before."""
    content = ""
    for event in events:
        if event.HasField("message"):
            content = event.message.message.content
        content += event.delta.text
    return content


async def test_all_watchers_see_the_same_events_by_their_numbers(server: Server) -> None:
    session = await create(server, LONG)
    early = asyncio.create_task(until_end(server, session, after=0))
    told = await all_of(stream(server, session, "Hello!"))

    first, *rest = await early

    assert (first.number, first.WhichOneof("event")) == (0, "session")
    assert rest == told


async def test_a_watcher_who_comes_amid_an_answer_misses_nothing_and_gets_nothing_twice(
    server: Server,
) -> None:
    session = await create(server, LONG)
    async with aclosing(stream(server, session, "Hello!")) as events:
        answer = await begun(events)
        late, resumed = await asyncio.gather(
            until_end(server, session, after=None), until_end(server, session, after=2)
        )

    whole = await message(server, session, answer)
    for told in (late, resumed):
        *before, _ = told
        assert written(before) == whole.message.content
        numbers = [event.number for event in told if event.number]
        assert numbers == sorted(set(numbers))
    assert late[0].session.state == Session.ANSWERING
    assert (late[1].number, late[1].message_id) == (0, answer)
    assert resumed[1].number == 3


async def test_a_watcher_who_is_slower_than_events_are_kept_gets_messages_as_they_are(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "LARGEST", 100)
    session = await create(server, LONG)
    async with aclosing(watch(server, session, after=0)) as slow:
        await anext(slow)
        told = await all_of(stream(server, session, "Hello!"))

        seen = [await anext(slow) for _ in range(3)]

    assert [event.WhichOneof("event") for event in seen] == ["session", "message", "message"]
    assert [event.number for event in seen] == [0, 0, 0]
    assert seen[0].session.last_event == told[-1].number
    assert seen[1].message == told[0].message
    assert seen[2].message == told[-1].message


async def test_after_a_while_what_has_changed_since_an_event_is_told(server: Server) -> None:
    session = await create(server)
    await send(server, session, "Hello!")
    seen = (await get(server, session)).last_event
    second = await send(server, session, "And then?")
    after = (await get(server, session)).last_event

    async with aclosing(watch(server, session, seen)) as watching:
        events = [await anext(watching) for _ in range(3)]
    async with aclosing(watch(server, session, after)) as watching:
        first = await anext(watching)
        await update(server, session, title="Renamed")
        second_event = await anext(watching)

    assert [event.number for event in events] == [0, 0, 0]
    assert [event.message for event in events[1:]] == [second.sent, second.answer]
    assert first.session.last_event == after
    assert second_event.session.title == "Renamed"
    assert second_event.number == after + 1 == (await get(server, session)).last_event


async def test_after_a_number_that_was_never_reached_what_comes_is_told(server: Server) -> None:
    session = await create(server)
    await send(server, session, "Hi")
    async with talk(server) as caller:
        caller.open(session, after=10**15)
        caller.send("Hello!", "said")
        caller.end()
        _, said, *_, answer = await caller.rest()

    assert said.reference == "said"
    assert answer.message.state == SessionMessage.INCOMPLETE


async def test_a_caller_speaks_and_listens_over_one_stream(server: Server) -> None:
    session = await create(server, system_message="Be brief.")
    async with talk(server) as caller:
        caller.open(session)
        caller.ping("there?")
        caller.send("Hello!", "first")
        caller.send("And then?", "second")
        caller.end()
        events = await caller.rest()

    first = events[0]
    assert (first.number, first.session.session_id) == (0, session.session_id)
    (pong,) = [event for event in events if event.HasField("pong")]
    assert (pong.reference, pong.number) == ("there?", 0)
    referred = [(e.reference, e.message.message.content) for e in events if e.reference != "there?"]
    assert [one for one in referred if one[0]] == [("first", "Hello!"), ("second", "And then?")]
    ends = [event for event in events if event.message.HasField("usage")]
    assert len(ends) == 2
    assert events[-1] == ends[-1]
    numbers = [event.number for event in events if event.number]
    assert numbers == sorted(set(numbers))


async def test_what_cannot_be_done_is_rejected_and_the_stream_goes_on(server: Server) -> None:
    session = await create(server)
    async with talk(server) as caller:
        caller.open(session)
        caller.send("Hi", "both", regenerate_message_id="x")
        rejected = [await caller.next("rejected")]
        caller.send("Hi", "elsewhere", session_id="sess_other")
        rejected.append(await caller.next("rejected"))
        caller.cancel("nowhere", "gone")
        rejected.append(await caller.next("rejected"))
        caller.open(session)
        rejected.append(await caller.next("rejected"))
        caller.say(ConverseRequest(reference="empty"))
        rejected.append(await caller.next("rejected"))
        too_long = FieldInvalidError([Violation("send.content", "is too long")])
        caller.say(RequestRefused(too_long, ConverseRequest(reference="long")))
        rejected.append(await caller.next("rejected"))
        caller.say(RequestRefused(too_long, None))
        rejected.append(await caller.next("rejected"))
        caller.cancel(reference="nothing is written")
        caller.send("Hi")
        caller.end()
        *_, last = await caller.rest()

    assert [event.reference for event in rejected] == [
        "both", "elsewhere", "gone", "", "empty", "long", "",
    ]  # fmt: skip
    fields = [[v.field for v in event.rejected.field_violations] for event in rejected]
    assert fields == [
        ["regenerate_message_id"], ["send.session_id"], [], ["open"], ["command"], ["send.content"],
        ["send.content"],
    ]  # fmt: skip
    assert rejected[2].rejected.reason == ErrorReason.MESSAGE_NOT_FOUND
    assert last.message.state == SessionMessage.INCOMPLETE


async def test_an_answer_is_cancelled_over_the_stream(server: Server) -> None:
    session = await create(server, ENDLESS)
    async with talk(server) as caller:
        caller.open(session)
        caller.send("Hello!")
        caller.send("Wait for me.", sampling=GREEDY)
        answer = (await caller.next("delta")).message_id
        caller.cancel()
        caller.end()
        events = await caller.rest()

    ends = [e for e in events if e.HasField("message") and e.message.state > 2]
    assert [(e.message_id == answer, e.message.state) for e in ends] == [
        (True, SessionMessage.CANCELLED), (False, SessionMessage.INCOMPLETE),
    ]  # fmt: skip


async def test_a_cancel_ends_what_was_asked_just_before(server: Server) -> None:
    session = await create(server, ENDLESS)
    async with talk(server) as caller:
        caller.open(session)
        caller.send("Hello!")
        caller.cancel()
        caller.end()
        *_, last = await caller.rest()

    assert last.message.state == SessionMessage.CANCELLED


async def test_a_cancel_of_what_is_refused_ends_nothing_and_waits_for_nothing(
    server: Server,
) -> None:
    session = await create(server)
    async with talk(server) as caller:
        caller.open(session)
        caller.send("Hello!", "refused", after_message_id="none")
        caller.cancel()
        caller.end()
        _, rejected = await caller.rest()

    assert rejected.reference == "refused"


async def test_what_waits_is_not_said_when_its_caller_is_gone(server: Server) -> None:
    session = await create(server, ENDLESS)
    async with talk(server) as caller:
        caller.open(session)
        caller.send("Hello!")
        caller.send("Wait for me.")
        answer = (await caller.next("delta")).message_id

    async with talk(server) as back:
        back.open(session)
        found = await back.next("message")
        back.cancel(answer)
        back.end()
        *_, last = await back.rest()

    assert found.message_id == answer
    assert found.message.message.content
    assert last.message.state == SessionMessage.CANCELLED
    assert (await get(server, session)).message_count == 2


async def test_a_repeated_call_is_answered_with_what_became_of_it(server: Server) -> None:
    session = await create(server)
    first = await send(server, session, "Hello!", idempotency_key="once")
    async with talk(server) as caller:
        caller.open(session)
        caller.send("Hello!", "again", idempotency_key="once")
        caller.end()
        _, said, answer = await caller.rest()

    assert (said.number, said.reference, said.message) == (0, "again", first.sent)
    assert (answer.number, answer.reference, answer.message) == (0, "", first.answer)


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (ConverseRequest(session_id="x", reference="r"), "open"),
        (ConverseRequest(open=ConverseRequest.Open()), "session_id"),
    ],
)
async def test_the_first_message_opens_a_session(
    server: Server, request_: ConverseRequest, field: str
) -> None:
    async with talk(server) as caller:
        caller.say(request_)
        with pytest.raises(FieldInvalidError) as raised:
            await caller.rest()

    assert [one.field for one in raised.value.violations] == [field]


async def test_a_stream_that_says_nothing_ends(server: Server) -> None:
    async with talk(server) as caller:
        caller.end()
        assert await caller.rest() == []


async def test_a_caller_that_does_not_listen_is_not_listened_to(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funland_server.chat.conversing._MOST_UNREAD", 3)
    session = await create(server)
    async with talk(server) as caller:
        caller.open(session)
        await caller.next("session")
        for number in range(20):
            caller.ping(str(number))
        left = caller._requests  # type: ignore[reportPrivateUsage]  # how many were not read
        await until(lambda: left.qsize() <= 17)
        for _ in range(50):
            await asyncio.sleep(0)
        unread = left.qsize()
        caller.end()
        pongs = await caller.rest()

    assert unread == 17
    assert [event.reference for event in pongs] == [str(number) for number in range(20)]


async def test_a_caller_who_left_comes_back_to_the_same_answer(server: Server) -> None:
    session = await create(server, LONG)
    answer = await leave(stream(server, session, "Hello!"))

    assert (await ended(server, session, answer)).usage.completion_tokens == LONG.max_tokens
    assert (await cancel(server, session, answer)).state == SessionMessage.INCOMPLETE
