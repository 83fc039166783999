"""Conversations that are longer than the model's context."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.sessions_pb2 import SendMessageResponse, Session, SessionMessage
from funland_server.app import Server
from tests.server.chat.calls import create, get, message, messages, reason, running, send, update
from tests.server.conftest import call

FOUR = SamplingParameters(temperature=0, max_tokens=4, ignore_end=True)


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with running(tmp_path_factory.mktemp("home"), max_context_length=256) as server:
        yield server


async def test_the_oldest_turns_leave_and_most_turns_begin_as_the_one_before(
    server: Server,
) -> None:
    session = await create(server, FOUR, system_message="Be brief.")
    turns: list[SendMessageResponse] = []
    for number in range(16):
        turns.append(await send(server, session, f"This is number {number} of what I say."))

    branch = (await messages(server, session)).messages
    ids = [one.message_id for one in branch]
    changes = 0
    dropped = 0
    for number, turn in enumerate(turns):
        left_out = list(turn.answer.dropped_message_ids)
        assert left_out == ids[: len(left_out)], "the oldest"
        assert len(left_out) % 2 == 0, "whole turns"
        assert turn.answer.usage.dropped_messages == len(left_out)
        assert turn.answer.usage.prompt_tokens < 256
        assert len(left_out) <= 2 * number, "the last turn stays"
        if len(left_out) != dropped:
            assert len(left_out) > dropped
            changes += 1
        elif number:  # it begins as the one before, so that only what is new is computed
            new = turn.answer.usage.prompt_tokens - turn.answer.usage.cached_prompt_tokens
            assert new < 64
        dropped = len(left_out)
    assert len(branch) == 32
    assert dropped > 0
    assert changes <= 6
    told = [one.message for one in branch[dropped:-1]]
    chat = ChatRequest(
        messages=[Message(role=Message.SYSTEM, content="Be brief."), *told], sampling=FOUR
    )
    assert (await call(server, "Chat", chat)).message == branch[-1].message
    assert await message(server, session, ids[-1]) == turns[-1].answer


async def test_a_session_that_leaves_nothing_out_says_by_how_much_it_is_too_long(
    server: Server,
) -> None:
    session = await create(server, FOUR, overflow=Session.FAIL)
    failed = ""
    while not failed:
        try:
            await send(server, session, "And again I say something of some length, as before.")
        except Exception:
            failed = (await get(server, session)).head_message_id
    answer = await message(server, session, failed)

    assert answer.state == SessionMessage.FAILED
    assert answer.error.metadata["limit_tokens"] == "256"
    assert int(answer.error.metadata["prompt_tokens"]) >= 256
    assert answer.error.metadata["model"] == "funland-tiny"
    assert await reason(send(server, session, "Hi")) == "CONTEXT_LENGTH_EXCEEDED"
    await update(server, session, overflow=Session.DROP_OLDEST)
    assert (await send(server, session, "Hi")).answer.dropped_message_ids


async def test_a_last_turn_that_does_not_fit_alone_is_refused(server: Server) -> None:
    session = await create(server, FOUR)
    await send(server, session, "Hi")

    assert await reason(send(server, session, "so " * 500)) == "CONTEXT_LENGTH_EXCEEDED"

    short = await send(server, session, "Hi", after_message_id="")
    assert short.answer.state == SessionMessage.INCOMPLETE, "the turn that failed is left out"


async def test_a_turn_that_is_too_long_even_for_the_template_is_left_out_of_the_next(
    server: Server,
) -> None:
    session = await create(server, FOUR)
    first = await send(server, session, "Hi")
    assert await reason(send(server, session, "x" * 16 * 1024**2)) == "TEMPLATE_LIMIT"

    short = await send(server, session, "Hi")

    assert short.answer.usage.dropped_messages == 3
    left_out = list(short.answer.dropped_message_ids)
    assert left_out[:2] == [first.sent.message_id, first.answer.message_id]
