"""Turns that real models answer: in order, cancelled, left alone, cut off and told again."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import aclosing, closing

import grpc.aio
import pytest
import pytest_asyncio

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import ChatRequest, Finish, Message
from funland.v1.sessions_pb2 import Session, SessionEvent, SessionMessage
from funland_server.app import Server
from tests.server.chat.calls import (
    ENDLESS,
    GREEDY,
    LONG,
    all_of,
    begun,
    cancel,
    create,
    delete,
    ended,
    get,
    kept,
    leave,
    message,
    messages,
    reason,
    running,
    send,
    stream,
    text,
    update,
    watch,
)
from tests.server.conftest import call, details

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with running(tmp_path_factory.mktemp("home")) as server:
        yield server


async def test_a_turn_is_told_from_what_is_said_to_the_whole_answer(server: Server) -> None:
    session = await create(server, system_message="Be brief.")
    on_the_disk: list[list[tuple[SessionMessage.State.ValueType, bool]]] = []
    events: list[SessionEvent] = []
    async with aclosing(stream(server, session, "Hello!", name="Ann")) as telling:
        async for event in telling:
            events.append(event)
            if event.HasField("message"):
                on_the_disk.append(kept(server, session))

    said, answer, *_, last = events
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert said.message.message == Message(role=Message.USER, content="Hello!", name="Ann")
    assert said.message.state == SessionMessage.COMPLETED
    assert answer.message.parent_message_id == said.message_id
    assert answer.message.state == SessionMessage.IN_PROGRESS
    assert {event.message_id for event in events[2:]} == {answer.message_id}
    kinds = [event.WhichOneof("event") or "" for event in events[2:-1]]
    assert kinds == sorted(kinds, key=["loading", "queued", "prefill", "delta"].index)
    assert {"prefill", "delta"} <= set(kinds)
    assert last.message.state == SessionMessage.INCOMPLETE  # eight tokens were too few
    assert last.message.finish_reason == Finish.LENGTH
    assert last.message.message.content == text(events)
    assert (last.message.model, last.message.usage.completion_tokens) == ("funland-tiny", 8)
    assert last.message.device_ids
    whole, begins = (SessionMessage.COMPLETED, True), (SessionMessage.IN_PROGRESS, False)
    assert on_the_disk == [[whole, begins]] * 2 + [[whole, (SessionMessage.INCOMPLETE, True)]]
    assert await message(server, session, last.message_id) == last.message


async def test_the_model_is_told_the_branch_with_the_system_message(server: Server) -> None:
    session = await create(server, system_message="Be brief.")
    first = await send(server, session, "Hello!")
    second = await send(server, session, "And then?")

    chat = ChatRequest(
        messages=[
            Message(role=Message.SYSTEM, content="Be brief."),
            first.sent.message,
            first.answer.message,
            second.sent.message,
        ],
        sampling=GREEDY,
    )
    answer = await call(server, "Chat", chat)
    assert answer.message == second.answer.message
    assert second.answer.usage.cached_prompt_tokens > 0.6 * second.answer.usage.prompt_tokens
    now = await get(server, session)
    assert (now.title, now.message_count, now.state) == ("Hello!", 4, Session.IDLE)
    assert now.head_message_id == second.answer.message_id


async def test_what_a_call_says_of_sampling_goes_before_what_the_session_says(
    server: Server,
) -> None:
    session = await create(server)

    sampling = type(GREEDY)(max_tokens=3)
    answer = (await send(server, session, "Hello!", sampling=sampling)).answer

    assert answer.usage.completion_tokens == 3
    again = (await send(server, session, regenerate_message_id=answer.message_id)).answer
    assert again.usage.completion_tokens == 8
    assert again.message.content.startswith(answer.message.content)


async def test_edits_and_answers_that_are_written_again_are_branches(server: Server) -> None:
    session = await create(server)
    first = await send(server, session, "Hello!")
    second = await send(server, session, "And then?")

    edited = await send(server, session, "And now?", edit_message_id=second.sent.message_id)
    again = await send(server, session, regenerate_message_id=first.answer.message_id)
    after = await send(server, session, "Hm.", after_message_id=second.answer.message_id)

    assert not again.HasField("sent")
    assert again.answer.message == first.answer.message  # it is greedy
    answers = [first.answer.message_id, again.answer.message_id]
    assert list(again.answer.sibling_message_ids) == answers
    questions = [second.sent.message_id, edited.sent.message_id]
    assert list(edited.sent.sibling_message_ids) == questions
    assert edited.sent.parent_message_id == first.answer.message_id
    turns = [first, second, edited, again, after]
    everything = [m for turn in turns for m in (turn.sent, turn.answer) if m.message_id]
    branch = await messages(server, session)
    assert [one.message_id for one in branch.messages] == [
        m.message_id for turn in (first, second, after) for m in (turn.sent, turn.answer)
    ]
    other = await messages(server, session, message_id=edited.answer.message_id)
    assert [one.message_id for one in other.messages][2:] == [
        edited.sent.message_id, edited.answer.message_id,
    ]  # fmt: skip
    found = await messages(server, session, all_branches=True)
    assert [one.message_id for one in found.messages] == [one.message_id for one in everything]
    await update(server, session, head_message_id=again.answer.message_id)
    more = await send(server, session, "Go on.")
    assert more.sent.parent_message_id == again.answer.message_id


async def test_calls_are_answered_in_the_order_in_which_they_came(server: Server) -> None:
    session = await create(server)

    turns = await asyncio.gather(*(send(server, session, f"Say {n}.") for n in range(5)))

    found = (await messages(server, session)).messages
    assert [one.message_id for one in found] == [
        m.message_id for turn in turns for m in (turn.sent, turn.answer)
    ]
    assert [one.message.content for one in found[::2]] == [f"Say {n}." for n in range(5)]


async def test_a_session_that_refuses_says_who_is_in_the_way(server: Server) -> None:
    session = await create(server, ENDLESS, when_busy=Session.REFUSE)
    async with aclosing(stream(server, session, "Hello!")) as events:
        answer = await begun(events)

        refused = await reason(send(server, session, "Wait!"))
        await update(server, session, when_busy=Session.WAIT)
        waiting = asyncio.create_task(send(server, session, "Wait!", sampling=GREEDY))
        state = (await get(server, session)).state
        await cancel(server, session, answer)

        assert (refused, state) == ("SESSION_BUSY", Session.ANSWERING)
        assert (await waiting).answer.state == SessionMessage.INCOMPLETE


async def test_so_many_calls_wait_and_no_more(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funland_server.chat.turns.MOST_WAITING", 2)
    session = await create(server, ENDLESS)
    async with aclosing(stream(server, session, "Hello!")) as events:
        answer = await begun(events)
        waiting = [
            asyncio.create_task(send(server, session, f"{n}", sampling=GREEDY)) for n in range(2)
        ]
        for _ in range(3):
            await asyncio.sleep(0)  # now they wait

        with pytest.raises(grpc.aio.AioRpcError, match="2 calls wait") as raised:
            await send(server, session, "3")
        assert details(raised.value)["ErrorInfo"].reason == "SESSION_BUSY"
        await cancel(server, session, answer)
        assert len(await asyncio.gather(*waiting)) == 2


async def test_an_answer_that_is_cancelled_stays_as_far_as_it_got(server: Server) -> None:
    session = await create(server, ENDLESS)
    events = stream(server, session, "Hello!")
    answer = await begun(events)

    cancelled = await cancel(server, session, answer)
    *_, last = await all_of(events)
    again = await cancel(server, session, answer)

    assert cancelled.state == SessionMessage.CANCELLED
    assert cancelled.message.content
    assert last.message == cancelled == again
    assert kept(server, session)[-1] == (SessionMessage.CANCELLED, True)
    then = await send(server, session, "Go on.", sampling=GREEDY)
    assert then.answer.parent_message_id == then.sent.message_id
    assert then.sent.parent_message_id == answer
    assert await reason(cancel(server, session, "nowhere")) == "MESSAGE_NOT_FOUND"


async def test_a_call_that_leaves_while_it_waits_has_said_nothing(server: Server) -> None:
    session = await create(server, ENDLESS)
    async with aclosing(stream(server, session, "Hello!")) as events:
        answer = await begun(events)
        waiting = asyncio.create_task(send(server, session, "Wait!"))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting])
        await cancel(server, session, answer)

    then = await send(server, session, "Go on.", sampling=GREEDY)

    assert then.sent.parent_message_id == answer
    assert (await get(server, session)).message_count == 4


async def test_an_answer_goes_on_without_its_caller_and_another_takes_over(
    server: Server,
) -> None:
    session = await create(server, LONG)
    answer = await leave(stream(server, session, "Hello!"))

    whole = await ended(server, session, answer)

    assert whole.usage.completion_tokens == LONG.max_tokens


async def test_a_failed_answer_is_kept_and_not_told_to_the_model(server: Server) -> None:
    session = await create(server, overflow=Session.FAIL)
    long = "so " * 2000

    failed = await reason(send(server, session, long))
    now = await get(server, session)
    answer = await message(server, session, now.head_message_id)

    assert failed == "CONTEXT_LENGTH_EXCEEDED"
    assert answer.state == SessionMessage.FAILED
    assert answer.error.reason == ErrorReason.CONTEXT_LENGTH_EXCEEDED
    assert answer.error.metadata["limit_tokens"] == "1024"
    assert int(answer.error.metadata["prompt_tokens"]) > 1024
    assert answer.error.metadata["session_id"] == session.session_id
    begin = await send(server, session, "Hi", edit_message_id=answer.parent_message_id)
    assert begin.answer.state == SessionMessage.INCOMPLETE


async def test_a_stream_that_fails_tells_what_is_kept_and_why(server: Server) -> None:
    session = await create(server, overflow=Session.FAIL)
    events = stream(server, session, "so " * 2000)
    told: list[SessionEvent] = []

    async def read() -> None:
        async for event in events:
            told.append(event)

    assert await reason(read()) == "CONTEXT_LENGTH_EXCEEDED"
    assert [event.message.state for event in told if event.HasField("message")] == [
        SessionMessage.COMPLETED, SessionMessage.IN_PROGRESS, SessionMessage.FAILED,
    ]  # fmt: skip


async def test_a_word_of_the_callers_says_nothing_twice(server: Server) -> None:
    session = await create(server)
    first = await send(server, session, "Hello!", idempotency_key="once")

    again = await send(server, session, "Hello!", idempotency_key="once")
    told = await all_of(stream(server, session, "Hello!", idempotency_key="once"))
    written = await send(
        server, session, regenerate_message_id=first.answer.message_id, idempotency_key="anew"
    )
    anew = await send(
        server, session, regenerate_message_id=first.answer.message_id, idempotency_key="anew"
    )

    now = await message(server, session, first.answer.message_id)
    assert (again.sent, again.answer) == (first.sent, first.answer)
    assert [(event.number, event.message.message_id) for event in told] == [
        (0, first.sent.message_id), (0, now.message_id),
    ]  # fmt: skip
    assert written == anew
    assert (await get(server, session)).message_count == 3
    other = await create(server)
    assert (await send(server, other, "Hi", idempotency_key="once")).sent.message.content == "Hi"


async def test_a_repeated_call_joins_the_answer_that_is_written(server: Server) -> None:
    session = await create(server, LONG, when_busy=Session.REFUSE)
    async with aclosing(stream(server, session, "Hello!", idempotency_key="once")) as events:
        answer = await begun(events)
        joined = await all_of(stream(server, session, "Hello!", idempotency_key="once"))

    *_, last = joined
    said, as_it_was, *rest = joined
    assert said.message.message.content == "Hello!"
    assert as_it_was.message_id == answer
    assert as_it_was.message.message.content + text(rest) == last.message.message.content
    assert (await get(server, session)).message_count == 2


async def test_a_deleted_session_ends_what_is_said_in_it(server: Server) -> None:
    session = await create(server, ENDLESS)
    watching = asyncio.create_task(all_of(watch(server, session)))
    events = stream(server, session, "Hello!")
    await begun(events)
    waiting = asyncio.create_task(reason(send(server, session, "Wait!")))
    await asyncio.sleep(0)

    await delete(server, session)

    *_, last = await all_of(events)
    *_, end = await watching
    assert last.message.state == SessionMessage.CANCELLED
    assert end.HasField("deleted")
    assert await waiting == "SESSION_NOT_FOUND"
    assert await reason(get(server, session)) == "SESSION_NOT_FOUND"
    assert await reason(send(server, session, "Hi")) == "SESSION_NOT_FOUND"


async def test_more_numbers_are_taken_before_they_are_given_out(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funland_server.chat.adding.BLOCK", 2)
    monkeypatch.setattr("funland_server.chat.turns._MARGIN", 1)
    session = await create(server)
    home = server.settings.now.home
    numbers: list[int] = []
    async with aclosing(stream(server, session, "Hello!")) as events:
        async for event in events:
            with closing(sqlite3.connect(home / "funland.sqlite3")) as database:
                query = "SELECT last_event FROM sessions WHERE session_id = ?"
                ((allowed,),) = database.execute(query, (session.session_id,))
            assert event.number <= allowed
            numbers.append(event.number)

    assert len(numbers) > 5
    assert numbers == list(range(1, len(numbers) + 1))
    assert (await get(server, session)).last_event == numbers[-1]
