"""Reads request bodies as JSON, within limits of size and depth."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.failures import CallFailed, failure, invalid_field
from funland_gateway.inflating import ENCODINGS, TooLargeError, inflate

MAX_DEPTH = 64

_NO_JSON = (
    "multipart/", "audio/", "image/", "video/", "application/grpc", "application/proto",
    "application/x-protobuf", "application/connect",
)  # fmt: skip
"""How types begin that are never JSON."""

_TEXTS = "application/x-www-form-urlencoded"
_NO_TYPE = "application/octet-stream"
"""What aiohttp has for a body that says nothing of its type."""
_MOST_TEXTS = 64

BODY_TIMEOUT = web.RequestKey("body_timeout", float)
"""In how many seconds the body must be there; without it, whenever."""


async def read_json(request: web.Request, max_bytes: int) -> Any:
    """Reads the whole body, at most `max_bytes` after decompression, as JSON.

    Whatever type it claims, unless that can't be JSON: curl says form-urlencoded unless told
    otherwise. An empty body reads as an empty object, so that a request without parameters needs
    none.

    Raises `CallFailed` with BODY_MALFORMED (not JSON, or deeper than `MAX_DEPTH` levels),
    BODY_TOO_LARGE or CONTENT_UNSUPPORTED.
    """
    if request.content_type.startswith(_NO_JSON):
        raise unsupported_content("Content-Type", "application/json", request.content_type)
    encoding = _encoding(request)
    body = await _read(request, max_bytes)
    if encoding:
        body = await _inflated(body, encoding, max_bytes)
    return parse_json(body) if body else {}


async def read_texts(request: web.Request, max_bytes: int) -> dict[str, str]:
    """Reads the whole body as a form of texts (`application/x-www-form-urlencoded`).

    Raises `CallFailed` as `read_json`, and with FIELD_INVALID for a name that comes twice.
    """
    if request.content_type not in (_TEXTS, _NO_TYPE):
        raise unsupported_content("Content-Type", _TEXTS, request.content_type)
    encoding = _encoding(request)
    body = await _read(request, max_bytes)
    if encoding:
        body = await _inflated(body, encoding, max_bytes)
    return parse_texts(body)


def parse_texts(body: bytes) -> dict[str, str]:
    """Parses a form of texts. Raises `CallFailed`."""
    try:
        pairs = parse_qsl(
            body.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_TEXTS
        )
    except ValueError as error:  # UnicodeDecodeError is one
        raise _malformed(f"The body is no form of at most {_MOST_TEXTS} texts.") from error
    texts: dict[str, str] = {}
    for name, text in pairs:
        if name in texts:
            raise invalid_field(name[:100], "is there twice")
        texts[name] = text
    return texts


def parse_json(body: bytes) -> Any:
    """Parses JSON that a client sent. Raises `CallFailed` with BODY_MALFORMED."""
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
        raise late_body(seconds) from None
    except web.RequestPayloadError as error:
        raise broken_body() from error
    return b"".join(chunks)


def _encoding(request: web.Request) -> str | None:
    """How the body is compressed, if it is; raises `CallFailed` for what can't be undone."""
    named = ",".join(request.headers.getall("Content-Encoding", ())).strip().lower()
    if named in ("", "identity"):
        return None
    if named not in ENCODINGS:
        raise unsupported_content("Content-Encoding", ", ".join(ENCODINGS), named)
    return named


async def _inflated(body: bytes, encoding: str, max_bytes: int) -> bytes:
    try:
        return await asyncio.to_thread(inflate, body, encoding, max_bytes)
    except TooLargeError:
        raise _too_large(max_bytes) from None
    except ValueError as error:
        raise _malformed(f"The body can't be decompressed: {error}.") from error


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


def late_body(seconds: float | None) -> CallFailed:
    """A body that is not there in time."""
    return _malformed(f"The body did not arrive within {seconds} seconds.")


def broken_body() -> CallFailed:
    """A body that ends too early, or not as it says."""
    return _malformed("The body could not be read to its end: its chunks are broken.")


def unsupported_content(header: str, supported: str, given: str) -> CallFailed:
    """A body of a kind that is not read; a header says so, in which others stand."""
    return failure(
        "INVALID_ARGUMENT",
        ErrorReason.CONTENT_UNSUPPORTED,
        f"{header} {given[:100]!r} is not read here, but {supported}.",
        header=header,
        supported=supported,
    )


def _malformed(message: str) -> CallFailed:
    return failure("INVALID_ARGUMENT", ErrorReason.BODY_MALFORMED, message)


def _too_large(max_bytes: int) -> CallFailed:
    return failure(
        "INVALID_ARGUMENT",
        ErrorReason.BODY_TOO_LARGE,
        f"The body is larger than {max_bytes} bytes.",
        limit_bytes=str(max_bytes),
    )
