"""Holds conversations over WebSockets: no faster than they are read, and none for nothing.

Whatever ends one ends all of it: the client goes, or reads nothing for `send_timeout_seconds`; the
RPC behind it fails; the gateway stops. But for the first two the client is told in a last message,
and then by the code that the WebSocket is closed with.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Self

import structlog
from aiohttp import WSCloseCode, WSMsgType, web
from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.calls import BEARER, PROTOCOL, subprotocols
from funland_gateway.config import GatewaySettings
from funland_gateway.failures import CallFailed, failure, invalid_field, reason_name, unforeseen
from funland_gateway.frames import UNSENT, Frames, ReaderGone
from funland_gateway.request_ids import request_id
from funland_gateway.talk import OVER, Over, Talk
from funland_gateway.tracing import CANCELLED, FAILED

_log = structlog.get_logger(__name__)

UPGRADED = web.RequestKey("upgraded", bool)
"""Whether a request became a WebSocket. To leave one is no failure of the client's."""

_TOLERANCE: Final = 16 * 1024
"""Bytes that a message may have too many and still be refused in words. Of more, aiohttp closes the
WebSocket with the code alone."""
_GOODBYE_SECONDS: Final = 1.0  # for the client to close too

Events = AbstractAsyncContextManager[AsyncIterator[Message]]

Begin = Callable[[AsyncIterator[Message]], Events]
"""Makes the call, of what is said to it. One that takes a single request passes that over."""


class Sockets:
    """The WebSockets of one gateway."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Ends all, and those that are still to come."""
        self._stopping.set()

    async def converse(
        self,
        request: web.Request,
        begin: Begin,
        talk: Talk,
        *,
        first: Message | None = None,
        largest: int | None = None,
    ) -> web.StreamResponse:
        """Makes the request a WebSocket and talks until something ends it.

        `first` is said to the call before the client has said anything; `largest` is how many bytes
        a message of the client's may have, by default as many as a body. Raises `CallFailed` for a
        request that is no WebSocket's.
        """
        largest = largest or self._settings.max_body_bytes
        offered = subprotocols(request)
        if PROTOCOL not in offered and any(one.startswith(BEARER) for one in offered):
            # Of protocols that none is taken of, aiohttp would write all into the log.
            raise invalid_field("Sec-WebSocket-Protocol", f"must name {PROTOCOL} beside the token")
        socket = web.WebSocketResponse(
            protocols=(PROTOCOL,) if PROTOCOL in offered else (),
            timeout=_GOODBYE_SECONDS,
            heartbeat=self._settings.heartbeat_seconds,
            max_msg_size=largest + _TOLERANCE,
            writer_limit=UNSENT,
        )
        if not socket.can_prepare(request):
            raise invalid_field("Upgrade", "must be websocket: this path is a WebSocket's")
        await socket.prepare(request)
        request[UPGRADED] = True
        frames = Frames(socket, request.transport, self._settings.send_timeout_seconds)
        conversation = _Conversation(socket, frames, talk, _Said(first), largest)
        try:
            await self._hold(request, conversation, begin)
        except ReaderGone as gone:
            _log.info("reader_gone", path=request.path, why=str(gone))
            request[FAILED] = CANCELLED
            if isinstance(request.transport, asyncio.Transport):
                request.transport.abort()
        return socket

    async def _hold(self, request: web.Request, conversation: _Conversation, begin: Begin) -> None:
        """Talks until something ends it, and says what; raises `ReaderGone`."""
        try:
            await _first(
                conversation.listen(), conversation.watch(begin),
                conversation.pulse(self._settings.heartbeat_seconds), self._stopped(),
            )  # fmt: skip
        except ReaderGone:
            raise
        except Exception as problem:
            failed = problem if isinstance(problem, CallFailed) else unforeseen(problem)
            failed.error.request_id = failed.error.request_id or request_id(request)
            request[FAILED] = reason_name(failed.error)
            await conversation.fail(failed.error)

    async def _stopped(self) -> None:
        await self._stopping.wait()
        raise _stops()


class _Said:
    """What the client has to say to the call, which takes it one by one. Until one is taken, no
    other is read."""

    def __init__(self, first: Message | None) -> None:
        self._waiting: asyncio.Queue[Message | Over] = asyncio.Queue(1)
        self._over = False
        if first is not None:
            self._waiting.put_nowait(first)

    async def put(self, message: Message | Over) -> None:
        """Waits until there is room for it; nothing follows what is `OVER`."""
        if self._over:
            raise invalid_field("end", "was the last message: nothing may follow it")
        self._over = message is OVER
        await self._waiting.put(message)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        message = await self._waiting.get()
        if isinstance(message, Over):
            self._waiting.put_nowait(message)  # for who asks again
            raise StopAsyncIteration
        return message


class _Conversation:
    """One WebSocket. Each of its tasks ends the others with its own end."""

    def __init__(
        self, socket: web.WebSocketResponse, frames: Frames, talk: Talk, said: _Said, largest: int
    ) -> None:
        self._socket = socket
        self._frames = frames
        self._talk = talk
        self._said = said
        self._largest = largest

    async def listen(self) -> None:
        """Hears the client until it goes."""
        async for message in self._socket:
            if message.type is WSMsgType.ERROR:
                return  # aiohttp has closed it, and said why
            if _size(message.data) > self._largest:
                raise too_long(self._largest)
            for each in self._talk.hear(message.data, _now()):
                if isinstance(each, bytes):
                    await self._frames.send([each])
                else:
                    await self._said.put(each)

    async def watch(self, begin: Begin) -> None:
        """Tells what happens. If the call ends, so does the conversation."""
        async with begin(self._said) as told:
            async for event in told:
                await self._frames.send(self._talk.tell(event))
        last = self._talk.end(_now())
        if last is None:
            raise _stops()
        await self._frames.send([last])
        await self._frames.close(WSCloseCode.OK)

    async def pulse(self, seconds: float) -> None:
        """Tells again and again that the server is there. aiohttp's own heartbeat finds out whether
        the client is; pages can't see that one."""
        while True:
            await asyncio.sleep(seconds)
            beat = self._talk.beat(_now())
            if beat is not None:
                await self._frames.send([beat])

    async def fail(self, error: Error) -> None:
        """Says why it ends, and closes."""
        await self._frames.send([self._talk.fail(error, _now())])
        await self._frames.close(close_code(error), reason_name(error))


def _stops() -> CallFailed:
    return failure("UNAVAILABLE", ErrorReason.SERVER_STOPPING, "The server is stopping.")


def too_long(largest: int) -> CallFailed:
    """The failure of a message that is longer than is read."""
    return failure(
        "INVALID_ARGUMENT",
        ErrorReason.BODY_TOO_LARGE,
        f"A message has at most {largest} bytes.",
        limit_bytes=str(largest),
    )


def close_code(error: Error) -> int:
    """The code that a WebSocket is closed with for an error."""
    match error.reason:
        case ErrorReason.SERVER_STOPPING:
            return WSCloseCode.GOING_AWAY
        case ErrorReason.BODY_TOO_LARGE:
            return WSCloseCode.MESSAGE_TOO_BIG
        case ErrorReason.CONTENT_UNSUPPORTED:
            return WSCloseCode.UNSUPPORTED_DATA
        case _:
            if error.code in ("UNAVAILABLE", "RESOURCE_EXHAUSTED"):
                return WSCloseCode.TRY_AGAIN_LATER
            server = error.code in ("INTERNAL", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED")
            return WSCloseCode.INTERNAL_ERROR if server else WSCloseCode.POLICY_VIOLATION


def _size(said: str | bytes) -> int:
    """In bytes."""
    return len(said) if isinstance(said, bytes) or said.isascii() else len(said.encode())


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
