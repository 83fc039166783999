"""Sends an answer over aiohttp, with all that shall go wrong about it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable

from aiohttp import web

from tests.hubs.answers import Answer
from tests.hubs.record import Asked

_PIECE = 256 << 10
_PIECE_BY_SYSTEM = 1 << 20
_PIECES_A_SECOND = 50
"""Where the rate is limited."""


class _Response(web.StreamResponse):
    """One that may send more than it told."""

    _length_check = False


async def send(
    request: web.Request,
    answer: Answer,
    asked: Asked,
    let_go: Callable[[], asyncio.Event],
    changed: Callable[[], None],
) -> web.StreamResponse:
    """Sends it; `asked` learns how far it came, and `changed` is called whenever it does."""

    async def stall() -> None:
        asked.stalled = True
        changed()
        await let_go().wait()
        asked.stalled = False

    if answer.delay:
        await asyncio.sleep(answer.delay)  # what a distant hub takes
    if answer.silent:
        await stall()
    response = _Response(status=answer.status, headers=answer.headers)
    length = answer.length
    if answer.gzipped:
        response.headers["Content-Encoding"] = "gzip"
    if answer.told is not None:
        response.content_length = answer.told
    elif length is None or answer.chunked or answer.gzipped:
        response.enable_chunked_encoding()
    else:
        response.content_length = length
    asked.status = answer.status
    if asked.method == "HEAD":
        length = 0
        if response.content_length is None:
            response.headers.pop("Transfer-Encoding", None)
    await response.prepare(request)
    if length != 0:
        body = _Body(request, response, answer, asked, changed)
        await body.send(stall)
    if request.transport is not None and not request.transport.is_closing():
        await response.write_eof()
    return response


class _Body:
    """A body on its way."""

    def __init__(
        self,
        request: web.Request,
        response: web.StreamResponse,
        answer: Answer,
        asked: Asked,
        changed: Callable[[], None],
    ) -> None:
        assert request.transport is not None
        self._transport = request.transport
        self._response = response
        self._answer = answer
        self._asked = asked
        self._changed = changed
        self._compressor = zlib.compressobj(wbits=31) if answer.gzipped else None

    async def send(self, stall: Callable[[], Awaitable[None]]) -> None:
        """Sends all of it, or as much as the answer says."""
        answer, done, end = self._answer, 0, self._answer.length
        loop = asyncio.get_running_loop()
        started = loop.time()
        while done != end:
            if done == answer.stall_at:
                await stall()
            if done == answer.cut_at:
                return self._cut()
            marks = (mark for mark in (end, answer.stall_at, answer.cut_at) if mark is not None)
            until = min([done + self._piece(), *(mark for mark in marks if mark > done)])
            if answer.rate is not None:
                await asyncio.sleep(started + until / answer.rate - loop.time())
            await self._send_piece(answer.start + done, answer.start + until)
            done = until
        if self._compressor is not None:
            await self._write(self._compressor.flush())
        return None

    def _piece(self) -> int:
        if self._answer.rate is not None:
            return min(_PIECE, max(1, int(self._answer.rate / _PIECES_A_SECOND)))
        return _PIECE_BY_SYSTEM if self._by_system else _PIECE

    @property
    def _by_system(self) -> bool:
        assert self._answer.content is not None
        whole = not self._response.chunked and self._compressor is None
        return self._answer.content.path is not None and whole

    async def _send_piece(self, start: int, stop: int) -> None:
        content = self._answer.content
        assert content is not None
        if self._by_system and content.path is not None:
            loop = asyncio.get_running_loop()
            with content.path.open("rb") as file:
                self._count(stop - start)
                await loop.sendfile(self._transport, file, start, stop - start)
        else:
            piece = content.read(start, stop)
            await self._write(self._compressor.compress(piece) if self._compressor else piece)

    async def _write(self, piece: bytes) -> None:
        if piece:
            self._count(len(piece))
            await self._response.write(piece)

    def _count(self, size: int) -> None:
        """Before they go, so that whoever has read them finds them counted."""
        self._asked.sent += size
        self._changed()

    def _cut(self) -> None:
        if self._answer.reset:
            self._transport.abort()
        else:
            self._transport.close()  # after what was written
