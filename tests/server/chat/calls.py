"""Calls of sessions, as the tests beside it make them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from funland.v1.inference_pb2 import SamplingParameters
from funland.v1.sessions_pb2 import (
    CancelMessageRequest,
    CreateSessionRequest,
    DeleteSessionRequest,
    GetMessageRequest,
    GetSessionRequest,
    ListMessagesRequest,
    ListMessagesResponse,
    SendMessageRequest,
    SendMessageResponse,
    Session,
    SessionEvent,
    SessionMessage,
    UpdateSessionRequest,
    WatchSessionRequest,
)
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import call, details, streamed

GREEDY = SamplingParameters(temperature=0, max_tokens=8)
LONG = SamplingParameters(temperature=0, max_tokens=200, ignore_end=True)
ENDLESS = SamplingParameters(temperature=0, max_tokens=1000, ignore_end=True)
"""As long as can be: only for what is ended before."""


async def create(server: Server, sampling: SamplingParameters = GREEDY, **fields: Any) -> Session:
    return await call(server, "CreateSession", CreateSessionRequest(sampling=sampling, **fields))


async def get(server: Server, session: Session) -> Session:
    return await call(server, "GetSession", GetSessionRequest(session_id=session.session_id))


async def update(server: Server, session: Session, **fields: Any) -> Session:
    request = UpdateSessionRequest(session_id=session.session_id, **fields)
    return await call(server, "UpdateSession", request)


async def delete(server: Server, session: Session) -> None:
    await call(server, "DeleteSession", DeleteSessionRequest(session_id=session.session_id))


def says(session: Session, content: str = "", **fields: Any) -> SendMessageRequest:
    return SendMessageRequest(session_id=session.session_id, content=content, **fields)


async def send(
    server: Server, session: Session, content: str = "", **fields: Any
) -> SendMessageResponse:
    return await call(server, "SendMessage", says(session, content, **fields))


def stream(
    server: Server, session: Session, content: str = "", **fields: Any
) -> AsyncGenerator[SessionEvent]:
    return streamed(server, "StreamMessage", says(session, content, **fields))


def watch(
    server: Server, session: Session, after: int | None = None
) -> AsyncGenerator[SessionEvent]:
    request = WatchSessionRequest(session_id=session.session_id, after=after)
    return streamed(server, "WatchSession", request)


async def message(server: Server, session: Session, message_id: str) -> SessionMessage:
    request = GetMessageRequest(session_id=session.session_id, message_id=message_id)
    return await call(server, "GetMessage", request)


async def messages(server: Server, session: Session, **fields: Any) -> ListMessagesResponse:
    request = ListMessagesRequest(session_id=session.session_id, **fields)
    return await call(server, "ListMessages", request)


async def cancel(server: Server, session: Session, message_id: str) -> SessionMessage:
    request = CancelMessageRequest(session_id=session.session_id, message_id=message_id)
    return await call(server, "CancelMessage", request)


async def begun(events: AsyncGenerator[SessionEvent]) -> str:
    """The id of the answer of a stream, when the model has written some of it."""
    async for event in events:
        if event.HasField("delta"):
            return event.message_id
    raise AssertionError("It wrote nothing.")


async def leave(events: AsyncGenerator[SessionEvent]) -> str:
    """The same, and then the caller of the stream is gone."""
    async with aclosing(events):
        return await begun(events)


async def ended(server: Server, session: Session, message_id: str) -> SessionMessage:
    """A message, when it has ended."""
    async with aclosing(watch(server, session, after=0)) as events:
        async for event in events:
            whole = event.HasField("message") and event.message_id == message_id
            if whole and event.message.state != SessionMessage.IN_PROGRESS:
                return event.message
    raise AssertionError("It did not end.")


async def reason(awaited: Any) -> str:
    """Why a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await awaited
    return details(raised.value)["ErrorInfo"].reason


async def all_of(events: AsyncGenerator[SessionEvent]) -> list[SessionEvent]:
    return [event async for event in events]


def text(events: list[SessionEvent]) -> str:
    """What the deltas of a stream say."""
    return "".join(event.delta.text for event in events)


def kept(server: Server, session: Session) -> list[tuple[SessionMessage.State.ValueType, bool]]:
    """The states of a session's messages on the disk, as another program sees them, and whether
    anything is said there."""
    home = server.settings.now.home
    with closing(sqlite3.connect(home / "funland.sqlite3")) as database:
        rows = database.execute(
            "SELECT state, length(said) FROM session_messages WHERE session_id = ? ORDER BY place",
            (session.session_id,),
        )
        return [(state, said > 2) for state, said in rows.fetchall()]


@asynccontextmanager
async def running(home: Path, **settings: Any) -> AsyncGenerator[Server]:
    """A server whose model's context has room for some turns."""
    settings = {"max_context_length": 1024, "slots": 4, **settings}
    server = Server(ServerSettings(home=home, port=0, **settings))
    await server.start()
    try:
        yield server
    finally:
        await server.stop(0)
