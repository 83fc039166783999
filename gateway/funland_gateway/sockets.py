"""Holds conversations over WebSockets: no faster than they are read, and none for nothing.

Whatever ends one ends all of it: the client goes, or reads nothing for `send_timeout_seconds`; the
RPC behind it fails; the gateway stops. But for the first two the client is told in a last message,
and then by the code that the WebSocket is closed with.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.config import GatewaySettings
from funland_gateway.failures import CallFailed, failure, invalid_field, reason_name, unforeseen
from funland_gateway.request_ids import request_id
from funland_gateway.talk import Talk

_log = structlog.get_logger(__name__)

LONGEST_MESSAGE: Final = 4096
"""How many characters a client's message may have."""

UPGRADED = web.RequestKey("upgraded", bool)
"""Whether a request became a WebSocket. To leave one is no failure of the client's."""

_LARGEST_FRAME: Final = 4 * LONGEST_MESSAGE + 1  # so many bytes at most; aiohttp closes above it
_UNSENT: Final = 64 * 1024  # bytes that wait in the process before a send waits for the reader
_GOODBYE_SECONDS: Final = 1.0  # for the client to close too

Events = AbstractAsyncContextManager[AsyncIterator[Message]]


class _ReaderGone(Exception):
    """There is nobody to talk to."""


class Sockets:
    """The WebSockets of one gateway."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ends all, and those that are still to come."""
        self._stopping.set()

    async def converse(
        self, request: web.Request, events: Events, talk: Talk
    ) -> web.StreamResponse:
        """Makes the request a WebSocket and talks until something ends it.

        Raises `CallFailed` for a request that is no WebSocket's.
        """
        socket = web.WebSocketResponse(
            timeout=_GOODBYE_SECONDS,
            heartbeat=self._settings.heartbeat_seconds,
            max_msg_size=_LARGEST_FRAME,
            writer_limit=_UNSENT,
        )
        if not socket.can_prepare(request):
            raise invalid_field("Upgrade", "must be websocket: this path is a WebSocket's")
        await socket.prepare(request)
        request[UPGRADED] = True
        conversation = _Conversation(socket, talk, self._settings)
        try:
            await self._hold(request, conversation, events)
        except _ReaderGone as gone:
            _log.info("reader_gone", path=request.path, why=str(gone))
            if isinstance(request.transport, asyncio.Transport):
                request.transport.abort()
        return socket

    async def _hold(
        self, request: web.Request, conversation: _Conversation, events: Events
    ) -> None:
        """Talks until something ends it, and says what; raises `_ReaderGone`."""
        try:
            await _first(
                conversation.listen(), conversation.watch(events), conversation.pulse(),
                self._stopped(),
            )  # fmt: skip
        except _ReaderGone:
            raise
        except Exception as problem:
            failed = problem if isinstance(problem, CallFailed) else unforeseen(problem)
            failed.error.request_id = failed.error.request_id or request_id(request)
            await conversation.fail(failed.error)

    async def _stopped(self) -> None:
        await self._stopping.wait()
        raise _stops()


class _Conversation:
    """One WebSocket. Each of its tasks ends the others with its own end."""

    def __init__(
        self, socket: web.WebSocketResponse, talk: Talk, settings: GatewaySettings
    ) -> None:
        self._socket = socket
        self._talk = talk
        self._settings = settings

    async def listen(self) -> None:
        """Answers the client until it goes, or says what can't be heard."""
        async for message in self._socket:
            if message.type is WSMsgType.ERROR:
                return  # aiohttp has closed it, and said why
            if message.type is not WSMsgType.TEXT:
                await self._close(WSCloseCode.UNSUPPORTED_DATA, "send text")
                return
            if len(message.data) > LONGEST_MESSAGE:
                raise too_long()
            await self._send(self._talk.hear(message.data, _now()))

    async def watch(self, events: Events) -> None:
        """Tells what happens. A server ends what is watched when it stops, and never else."""
        async with events as told:
            async for event in told:
                await self._send(self._talk.tell(event))
        raise _stops()

    async def pulse(self) -> None:
        """Tells again and again that the server is there. aiohttp's own heartbeat finds out whether
        the client is; pages can't see that one."""
        while True:
            await asyncio.sleep(self._settings.heartbeat_seconds)
            await self._send([self._talk.beat(_now())])

    async def fail(self, error: Error) -> None:
        """Says why it ends, and closes."""
        await self._send([self._talk.fail(error, _now())])
        await self._close(close_code(error), reason_name(error))

    async def _close(self, code: int, reason: str) -> None:
        async with self._patience():
            await self._socket.close(code=code, message=reason.encode())

    async def _send(self, messages: Iterable[bytes]) -> None:
        for message in messages:
            async with self._patience():
                await self._socket.send_frame(message, WSMsgType.TEXT)

    @asynccontextmanager
    async def _patience(self) -> AsyncGenerator[None]:
        """For a reader that is slow, and no longer; raises `_ReaderGone`."""
        seconds = self._settings.send_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                yield
        except TimeoutError:
            raise _ReaderGone(f"it read nothing for {seconds} seconds") from None
        except ConnectionError:
            raise _ReaderGone("it closed the connection") from None


def _stops() -> CallFailed:
    return failure("UNAVAILABLE", ErrorReason.SERVER_STOPPING, "The server is stopping.")


def too_long() -> CallFailed:
    """The failure of a message that is longer than is read."""
    return failure(
        "INVALID_ARGUMENT",
        ErrorReason.BODY_TOO_LARGE,
        f"A message has at most {LONGEST_MESSAGE} characters.",
        limit_bytes=str(LONGEST_MESSAGE),
    )


def close_code(error: Error) -> int:
    """The code that a WebSocket is closed with for an error."""
    match error.reason:
        case ErrorReason.SERVER_STOPPING:
            return WSCloseCode.GOING_AWAY
        case ErrorReason.BODY_TOO_LARGE:
            return WSCloseCode.MESSAGE_TOO_BIG
        case _:
            if error.code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED"):
                return WSCloseCode.TRY_AGAIN_LATER
            server = error.code in ("INTERNAL", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED")
            return WSCloseCode.INTERNAL_ERROR if server else WSCloseCode.POLICY_VIOLATION


def _now() -> int:
    return int(time.time())


async def _first(*work: Coroutine[Any, Any, None]) -> None:
    """Runs all until the first ends, raises as that did, and ends the others."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task in done:
                await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
