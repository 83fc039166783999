"""What is wrong with bytes that aiohttp can't read as a request, in the contract's words."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from aiohttp.http_exceptions import InvalidURLError, LineTooLong

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.failures import CallFailed, failure

LONGEST_LINE = 8190
"""Bytes of a URL, or of a header with its name."""
MOST_HEADERS = 128

_TLS = b"\x16\x03"
_HTTP2 = b"PRI * HTTP/2"
_TARGET = re.compile(rb"[A-Z]+ (?:https?://[^/ ]*)?(/[^ ?\r\n]*)")
_BROKEN_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


def malformed(problem: Exception, line: bytes) -> CallFailed:
    """The failure of a request that begins with `line`, as far as that came."""
    words = str(getattr(problem, "message", problem))
    if isinstance(problem, LineTooLong):
        return _too_long(line)
    if words.startswith("Too many headers"):
        return _headers_too_large(f"There are more than {MOST_HEADERS} headers.")
    if line.startswith(_TLS):
        what = "the gateway speaks http, not https"
    elif line.startswith(_HTTP2):
        what = "the gateway speaks HTTP/1.1, not HTTP/2; gRPC has a port of its own"
    elif isinstance(problem, InvalidURLError):
        what = "its URL is none"
    else:
        # aiohttp's parser in C shows the place too, in lines of its own.
        what = " ".join(words.partition("\n\n")[0].split()).strip(" .:")
    return failure(
        "INVALID_ARGUMENT",
        ErrorReason.REQUEST_MALFORMED,
        f"This is no request that can be read: {what}.",
    )


def target(line: bytes) -> str:
    """The path of a request that begins so; empty if it can't be seen."""
    found = _TARGET.match(line)
    return found[1].decode("ascii", "replace") if found else ""


def check_url(raw: str) -> None:
    """Raises `CallFailed` for a URL whose percent-encoding is broken, or no UTF-8."""
    if "%" not in raw:
        return
    try:
        unquote_to_bytes(raw).decode()
        broken = _BROKEN_PERCENT.search(raw) is not None
    except UnicodeDecodeError:
        broken = True
    if broken:
        raise failure(
            "INVALID_ARGUMENT",
            ErrorReason.REQUEST_MALFORMED,
            "The URL is not percent-encoded UTF-8. Write a percent sign itself as %25.",
        )


def _too_long(line: bytes) -> CallFailed:
    if len(line.partition(b"\n")[0]) <= LONGEST_LINE:
        return _headers_too_large(f"A header has more than {LONGEST_LINE} bytes.")
    return failure(
        "INVALID_ARGUMENT",
        ErrorReason.URL_TOO_LONG,
        f"The URL has more than {LONGEST_LINE} bytes. Put what is long into a body.",
    )


def _headers_too_large(message: str) -> CallFailed:
    return failure("INVALID_ARGUMENT", ErrorReason.HEADERS_TOO_LARGE, message)
