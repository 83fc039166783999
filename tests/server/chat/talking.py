"""A caller of `Converse`, inside the process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from operator import attrgetter
from typing import Any

from google.protobuf.empty_pb2 import Empty

from funland.v1.sessions_pb2 import ConverseRequest, SendMessageRequest, Session, SessionEvent
from funland_server.app import Server
from funland_server.domain import RequestRefused
from tests.server.conftest import SECONDS


class Talk:
    """A stream in both directions."""

    def __init__(self, converse: Any) -> None:
        self._requests: asyncio.Queue[ConverseRequest | RequestRefused | None] = asyncio.Queue()
        self.events: AsyncGenerator[SessionEvent] = converse(self._Requests(self._requests))

    class _Requests:
        """As a transport gives them: one that breaks a rule is told, and others follow."""

        def __init__(self, queue: asyncio.Queue[ConverseRequest | RequestRefused | None]) -> None:
            self._queue = queue

        def __aiter__(self) -> AsyncIterator[ConverseRequest]:
            return self

        async def __anext__(self) -> ConverseRequest:
            request = await self._queue.get()
            if request is None:
                raise StopAsyncIteration
            if isinstance(request, RequestRefused):
                raise request
            return request

    def open(self, session: Session, after: int | None = None) -> None:
        command = ConverseRequest.Open(after=after)
        self.say(ConverseRequest(session_id=session.session_id, open=command))

    def send(self, content: str = "", reference: str = "", **fields: Any) -> None:
        send = SendMessageRequest(content=content, **fields)
        self.say(ConverseRequest(send=send, reference=reference))

    def cancel(self, message_id: str = "", reference: str = "") -> None:
        command = ConverseRequest.CancelMessage(message_id=message_id)
        self.say(ConverseRequest(cancel=command, reference=reference))

    def ping(self, reference: str = "") -> None:
        self.say(ConverseRequest(ping=Empty(), reference=reference))

    def say(self, request: ConverseRequest | RequestRefused) -> None:
        self._requests.put_nowait(request)

    def end(self) -> None:
        """Has no more to say."""
        self._requests.put_nowait(None)

    async def next(self, *kinds: str) -> SessionEvent:
        """The next event of these kinds; others are passed over."""
        async with asyncio.timeout(SECONDS):
            async for event in self.events:
                if event.WhichOneof("event") in kinds:
                    return event
        raise AssertionError(f"The stream ended without {kinds}.")

    async def rest(self) -> list[SessionEvent]:
        """All events that are left."""
        async with asyncio.timeout(SECONDS):
            return [event async for event in self.events]


@asynccontextmanager
async def talk(server: Server) -> AsyncGenerator[Talk]:
    """A caller, who is gone at the end of the block."""
    pipeline = attrgetter("_pipeline")(server)
    talking = Talk(pipeline.method("funland.v1.SessionService.Converse").handler)
    try:
        yield talking
    finally:
        await talking.events.aclose()
