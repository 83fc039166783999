"""Reads request bodies as JSON, within limits of size and depth."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
from aiohttp import web
from aiohttp.web_exceptions import HTTPException

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.failures import CallFailed, failure

MAX_DEPTH = 64

BODY_TIMEOUT = web.RequestKey("body_timeout", float)
"""In how many seconds the body must be there; without it, whenever."""


async def read_json(request: web.Request, max_bytes: int) -> Any:
    """Reads the whole body, at most `max_bytes` after decompression, as JSON.

    Whatever content type it claims: curl says form-urlencoded unless told otherwise. An empty
    body reads as an empty object, so that a request without parameters needs none.

    Raises `CallFailed` with BODY_MALFORMED (not JSON, or deeper than `MAX_DEPTH` levels) or
    BODY_TOO_LARGE.
    """
    if request.content_type.startswith("multipart/"):
        raise _malformed("The body must be JSON, not a multipart form.")
    body = await _read(request, max_bytes)
    if not body:
        return {}
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _malformed(f"The body is not JSON: {error}.") from error
    # Every level opens with a bracket, so few brackets can't nest deeply.
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _deeper(value, MAX_DEPTH):
        raise _malformed(f"The body nests deeper than {MAX_DEPTH} levels.")
    return value


async def _read(request: web.Request, max_bytes: int) -> bytes:
    if (request.content_length or 0) > max_bytes:
        raise _too_large(max_bytes)
    seconds = request.get(BODY_TIMEOUT)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > max_bytes:
                    raise _too_large(max_bytes)
                chunks.append(chunk)
    except TimeoutError:
        raise _malformed(f"The body did not arrive within {seconds} seconds.") from None
    except (web.RequestPayloadError, HTTPException, ValueError) as error:
        raise _malformed("The body could not be read to its end.") from error
    return b"".join(chunks)


def _deeper(value: Any, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [
            child
            for parent in layer
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not layer:
            return False
    return True


def _malformed(message: str) -> CallFailed:
    return failure("INVALID_ARGUMENT", ErrorReason.BODY_MALFORMED, message)


def _too_large(max_bytes: int) -> CallFailed:
    return failure(
        "INVALID_ARGUMENT",
        ErrorReason.BODY_TOO_LARGE,
        f"The body is larger than {max_bytes} bytes.",
        limit_bytes=str(max_bytes),
    )
