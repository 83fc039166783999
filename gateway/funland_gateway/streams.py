"""Sends streams of events to HTTP clients, no faster than they read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

import structlog
from aiohttp import web

_log = structlog.get_logger(__name__)


class _ReaderGone(Exception):
    """There is nobody to send to."""


def sse_event(data: bytes, event: str | None = None) -> bytes:
    """One server-sent event. `data` must be one line, as JSON from orjson is."""
    head = b"" if event is None else b"event: " + event.encode() + b"\n"
    return head + b"data: " + data + b"\n\n"


async def send_events(
    request: web.Request,
    chunks: AsyncIterator[bytes],
    *,
    content_type: str,
    headers: Mapping[str, str] | None = None,
    send_timeout: float,
) -> web.StreamResponse:
    """Answers with `chunks`, each sent as soon as it is there.

    The response starts with the first chunk: what `chunks` raises before it is raised here, and
    can still become an error status. Later failures are for `chunks` to tell in its own way; if
    it raises after all, the connection breaks off, which no client takes for an end.

    A client that reads nothing for `send_timeout` seconds is cut off. However it ends, `chunks`
    is closed, which cancels the call behind it.
    """
    try:
        first = await anext(chunks, None)
        response = web.StreamResponse(
            headers={"cache-control": "no-cache", "x-accel-buffering": "no", **(headers or {})}
        )
        response.content_type = content_type
        await response.prepare(request)
        try:
            if first is not None:
                await _send(response, first, send_timeout)
            async for chunk in chunks:
                await _send(response, chunk, send_timeout)
        except _ReaderGone as gone:
            _log.info("reader_gone", path=request.path, why=str(gone))
            _break_off(request)
        except Exception:
            _log.exception("stream_failed", path=request.path)
            _break_off(request)
        return response
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()


async def _send(response: web.StreamResponse, chunk: bytes, send_timeout: float) -> None:
    try:
        # Returns at once while there is room in the buffers of aiohttp and the socket.
        async with asyncio.timeout(send_timeout):
            await response.write(chunk)
    except TimeoutError:
        raise _ReaderGone(f"it read nothing for {send_timeout} seconds") from None
    except ConnectionError:
        raise _ReaderGone("it closed the connection") from None


def _break_off(request: web.Request) -> None:
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()
