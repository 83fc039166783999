"""Servers of different homes that share a database: neither ends what the other is at."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

from funland.v1.responses_pb2 import CancelResponseRequest, Response
from funland.v1.sessions_pb2 import SessionMessage
from tests.postgresql import Cluster
from tests.server.chat import calls as chats
from tests.server.chat.calls import running
from tests.server.conftest import SECONDS, call
from tests.server.responses import calls as responses


async def test_what_one_server_writes_goes_on_while_another_starts(
    tmp_path: Path, postgresql: Cluster
) -> None:
    url = postgresql.database()
    async with running(tmp_path / "one", database_url=url) as one, asyncio.timeout(3 * SECONDS):
        session = await chats.create(one, chats.ENDLESS)
        made = await responses.create(one, background=True, sampling=responses.ENDLESS)
        async with aclosing(chats.stream(one, session, "Hello!")) as events:
            message_id = await chats.begun(events)

            async with running(tmp_path / "two", database_url=url) as two:
                state = (await responses.get(two, made.response_id)).state
                answer = (await chats.message(two, session, message_id)).state
                cancelled = await chats.cancel(one, session, message_id)
                seen = await chats.message(two, session, message_id)
                ended = await responses.ended(two, made.response_id)

    assert state != Response.FAILED
    assert answer != SessionMessage.CUT_OFF
    assert seen.state == cancelled.state != SessionMessage.CUT_OFF
    assert seen.message.content == cancelled.message.content
    assert (ended.state, ended.response_id) == (Response.INCOMPLETE, made.response_id)


async def test_what_one_server_makes_is_cancelled_at_another(
    tmp_path: Path, postgresql: Cluster
) -> None:
    url = postgresql.database()
    async with (
        running(tmp_path / "one", database_url=url, slots=1) as one,
        running(tmp_path / "two", database_url=url) as two,
        asyncio.timeout(3 * SECONDS),
    ):
        made, *_, last = [
            await responses.create(one, background=True, sampling=sampling)
            for sampling in (responses.LONG, *[responses.ENDLESS] * 7)
        ]

        request = CancelResponseRequest(response_id=last.response_id)
        told = await call(two, "CancelResponse", request)
        ended = await responses.ended(one, last.response_id)

        assert (await responses.ended(two, made.response_id)).state == Response.INCOMPLETE
    assert (told.state, ended.state) == (Response.CANCELLED,) * 2
