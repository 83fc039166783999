"""Sends streams of events to HTTP clients, no faster than they read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from aiohttp import hdrs, web

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.failures import CallFailed, reason_name
from funland_gateway.tracing import CANCELLED, FAILED

_UNFORESEEN: Final = ErrorReason.Name(ErrorReason.INTERNAL_ERROR)
_log = structlog.get_logger(__name__)

EVENT_STREAM = "text/event-stream; charset=utf-8"
"""The content type of server-sent events. They are UTF-8 by their standard, but readers of `text/`
that are not told so take them for Latin-1."""

LINE_STREAM = "application/x-ndjson"
"""The content type of a line of JSON each."""

_SURELY_TAKEN = 16 * 1024
"""Bytes that wait to be sent and hold up nobody: a quarter of what asyncio holds back."""


class _ReaderGone(Exception):
    """There is nobody to send to."""


@dataclass(frozen=True, slots=True)
class Framing:
    """How the events of a stream are written one after the other."""

    content_type: str
    event: Callable[[bytes, str | None], bytes]
    """Writes one, from its data, which must be one line, and its name, if it has one."""
    has_comments: bool
    """Whether there is a way to write what readers pass over."""

    @property
    def media_type(self) -> str:
        """The content type without its parameters."""
        return self.content_type.partition(";")[0]


@dataclass(frozen=True, slots=True)
class Pulse:
    """What is sent when a stream has nothing to say, so that no proxy takes it for dead."""

    seconds: float
    """After this long a silence."""
    beat: Callable[[], bytes]
    """Makes it."""


def sse_event(data: bytes, event: str | None = None) -> bytes:
    """One server-sent event. `data` must be one line, as JSON from orjson is."""
    head = b"" if event is None else b"event: " + event.encode() + b"\n"
    return head + b"data: " + data + b"\n\n"


def sse_comment(text: str) -> bytes:
    """What readers of server-sent events pass over. `text` must be one line."""
    return b": " + text.encode() + b"\n\n"


def json_line(data: bytes, _event: str | None = None) -> bytes:
    """One event as a line; it has no name there. `data` must be one line."""
    return data + b"\n"


EVENTS: Final = Framing(EVENT_STREAM, sse_event, has_comments=True)
LINES: Final = Framing(LINE_STREAM, json_line, has_comments=False)


async def send_events(
    request: web.Request,
    chunks: AsyncIterator[bytes],
    *,
    content_type: str,
    failed: Callable[[Exception], bytes],
    pulse: Pulse | None = None,
    headers: Mapping[str, str] | None = None,
    send_timeout: float,
) -> web.StreamResponse:
    """Answers with `chunks`, each sent as soon as it is there.

    The response starts with the first chunk or beat of the pulse. What `chunks` raises before it
    is raised here, and can still become an error status; later it goes out as `failed` has it.

    A client that reads nothing for `send_timeout` seconds is cut off. However it ends, `chunks`
    is closed, which cancels the call behind it. Who asks for the head alone gets that, and `chunks`
    is never begun.
    """
    answer = _Answer(request, content_type, headers or {}, send_timeout)
    if request.method == hdrs.METH_HEAD:
        await answer.begin()
        return answer.response
    # In a task of its own, which is waked for every chunk, and does not pass all that stands
    # between aiohttp and this function each time.
    sending = asyncio.create_task(_send_all(answer, chunks, failed))
    try:
        if pulse is not None:
            await answer.beat(pulse, sending)
        await sending
    except _ReaderGone as gone:
        answer.give_up(gone)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    return answer.response


async def _send_all(
    answer: _Answer, chunks: AsyncIterator[bytes], failed: Callable[[Exception], bytes]
) -> None:
    try:
        async with answer.patience() as patience:
            try:
                async for chunk in chunks:
                    await answer.send(chunk, patience)
            except _ReaderGone:
                raise
            except Exception as problem:
                if not answer.response.prepared:
                    raise
                answer.fails(problem)
                await answer.send(failed(problem), patience)
            await answer.begin()
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


class _Answer:
    """A response that is under way."""

    def __init__(
        self,
        request: web.Request,
        content_type: str,
        headers: Mapping[str, str],
        send_timeout: float,
    ) -> None:
        self.response = web.StreamResponse(
            headers={
                "content-type": content_type,
                "cache-control": "no-cache",
                "x-accel-buffering": "no",
                **headers,
            }
        )
        self._request = request
        self._transport: asyncio.WriteTransport | None = None
        """Where the answer goes, once its head is sent."""
        self._send_timeout = send_timeout
        self._sending = asyncio.Lock()  # the pulse beats beside the chunks
        self._clock = asyncio.get_running_loop().time
        self._last = self._clock()

    async def begin(self) -> None:
        """Sends the head, unless it was sent."""
        if not self.response.prepared:
            await self.response.prepare(self._request)
            self._transport = self._request.transport

    @asynccontextmanager
    async def patience(self) -> AsyncGenerator[asyncio.Timeout]:
        """How long a task's `send` may take. One for all of them costs far less than one for each;
        out of time, it raises `_ReaderGone`."""
        timeout = asyncio.timeout(None)
        try:
            async with timeout:
                yield timeout
        except TimeoutError:
            if not timeout.expired():
                raise
            raise _ReaderGone(f"it read nothing for {self._send_timeout} seconds") from None

    async def send(self, chunk: bytes, patience: asyncio.Timeout) -> None:
        """Sends a chunk; raises `_ReaderGone`."""
        self._last = self._clock()
        try:
            if self._has_room(chunk):
                await self.response.write(chunk)  # which returns at once
                return
            async with self._sending:
                patience.reschedule(self._last + self._send_timeout)
                await self.begin()
                await self.response.write(chunk)
                patience.reschedule(None)
        except ConnectionError:
            raise _ReaderGone("it closed the connection") from None

    def _has_room(self, chunk: bytes) -> bool:
        """Whether the reader is behind by so little that the chunk does not wait for it. Then there
        is no need of a timer, which costs as much as sending."""
        begun = self._transport
        return begun is not None and begun.get_write_buffer_size() + len(chunk) <= _SURELY_TAKEN

    async def beat(self, pulse: Pulse, until: asyncio.Task[None]) -> None:
        """Sends a beat after every long silence, until a task ends; raises `_ReaderGone`."""
        async with self.patience() as patience:
            while not until.done():
                silence = self._clock() - self._last
                if silence < pulse.seconds or self._sending.locked():
                    rest = max(pulse.seconds - silence, pulse.seconds / 10)
                    await asyncio.wait({until}, timeout=rest)
                else:
                    await self.send(pulse.beat(), patience)

    def fails(self, problem: Exception) -> None:
        """Takes note that it does not end well, which its status can't say any more."""
        known = isinstance(problem, CallFailed)
        self._request[FAILED] = reason_name(problem.error) if known else _UNFORESEEN

    def give_up(self, gone: _ReaderGone) -> None:
        """Breaks the connection off, which no client takes for an end."""
        _log.info("reader_gone", path=self._request.path, why=str(gone))
        self._request[FAILED] = CANCELLED
        if isinstance(self._request.transport, asyncio.Transport):
            self._request.transport.abort()
