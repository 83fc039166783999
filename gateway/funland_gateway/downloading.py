"""Gives out bodies as they are, no faster than they are read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Final
from urllib.parse import quote

import structlog
from aiohttp import hdrs, web
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.message import Message

from funland.v1.files_pb2 import File
from funland_gateway.failures import CallFailed, unforeseen

_log = structlog.get_logger(__name__)

_NO_PAGE: Final = {
    # What callers gave is shown by no browser as a page of ours.
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cache-control": "no-cache",
}
_ANY: Final = "application/octet-stream"


async def send_body(
    request: web.Request,
    call: AbstractAsyncContextManager[AsyncIterator[Message]],
    *,
    send_timeout: float,
) -> web.StreamResponse:
    """Answers with the parts of a call that streams `HttpBody`.

    The first part has the content's type, and where it has a `File` with it, its name and size. A
    failure before it is raised and can still become a status; one amid the body breaks the
    connection off, as does a client that reads nothing for `send_timeout` seconds. Who asks for the
    head alone gets that, and the call is ended.
    """
    response: web.StreamResponse | None = None
    try:
        async with call as messages:
            parts: AsyncIterator[Any] = messages
            first: HttpBody = await anext(parts, HttpBody())
            file = _file(first)
            response = web.StreamResponse(headers=_headers(first, file))
            if file is not None:
                response.content_length = file.size_bytes
            await response.prepare(request)
            if request.method != hdrs.METH_HEAD:
                await _send(response, first, parts, send_timeout)
    except Exception as problem:  # as the end of the call tells it
        if response is None or not response.prepared:
            raise
        _break_off(request, problem)
    return response


async def _send(
    response: web.StreamResponse, first: HttpBody, parts: AsyncIterator[Any], send_timeout: float
) -> None:
    sent = 0
    part = first
    while part is not None:
        if part.data:
            async with asyncio.timeout(send_timeout):
                await response.write(part.data)
            sent += len(part.data)
        part = await anext(parts, None)
    if response.content_length not in (None, sent):
        raise ConnectionError(f"the content has {sent} bytes, not {response.content_length}")
    async with asyncio.timeout(send_timeout):
        await response.write_eof()


def _break_off(request: web.Request, problem: Exception) -> None:
    """No client takes it for an end."""
    if isinstance(problem, ConnectionError | TimeoutError):
        why = str(problem) or "it read nothing for too long"
    else:
        failed = problem if isinstance(problem, CallFailed) else unforeseen(problem)
        why = failed.error.message
    _log.info("body_cut_off", path=request.path, why=why)
    if isinstance(request.transport, asyncio.Transport):
        request.transport.abort()


def _file(first: HttpBody) -> File | None:
    file = File()
    return file if any(packed.Unpack(file) for packed in first.extensions) else None


def _headers(first: HttpBody, file: File | None) -> dict[str, str]:
    named = {"content-disposition": disposition(file.name)} if file is not None else {}
    return {"content-type": first.content_type or _ANY, **_NO_PAGE, **named}


def disposition(name: str) -> str:
    """The header for a file to be saved under a name: in ASCII, and as it is (RFC 6266)."""
    plain = "".join(sign if " " <= sign <= "~" and sign not in '"\\%' else "_" for sign in name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{exact}'
