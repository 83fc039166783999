"""Anthropic's error body: https://platform.claude.com/docs/en/api/errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from funland.v1.errors_pb2 import PARAMETER_UNSUPPORTED, PROMPT_TOO_LONG, Error
from funland_gateway.dialects.dialect import Envelope, Named
from funland_gateway.failures import http_status

_OVERLOADED: Final = 529
_STATUSES: Final = {503: _OVERLOADED}
"""Where Anthropic has another one."""

THREAD: Final = "thread"
"""With it the clients' own loops of tools have the server keep the conversation, and send what is
new alone."""
_NO_THREADS: Final = {"error_code": "thread_unsupported_request", "unsupported": [THREAD]}
"""By which they know that they must send all of it."""

_SERVER_ERROR: Final = 500
_KINDS: Final[Mapping[int, str]] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    _OVERLOADED: "overloaded_error",
}


def status_of(error: Error) -> int:
    """The HTTP status."""
    status = http_status(error)
    return _STATUSES.get(status, status)


def error_body(error: Error) -> dict[str, Any]:
    """The body of an HTTP error, and the data of the event that ends a stream."""
    status = status_of(error)
    usual = "api_error" if status >= _SERVER_ERROR else "invalid_request_error"
    told: dict[str, Any] = {"type": _KINDS.get(status, usual), "message": _message(error)}
    if error.reason == PARAMETER_UNSUPPORTED and error.metadata.get("parameter") == THREAD:
        told["details"] = _NO_THREADS
    return {"type": "error", "error": told, "request_id": error.request_id or None}


def error_event(error: Error) -> Named:
    """The event that ends a stream."""
    return Named("error", orjson.dumps(error_body(error)))


def _message(error: Error) -> str:
    """What is said of an error; of a prompt that is too long, in the words by which clients know
    it, so as to shorten it."""
    prompt, most = (error.metadata.get(name, "") for name in ("prompt_tokens", "context_length"))
    if error.reason != PROMPT_TOO_LONG or not (prompt and most):
        return error.message
    return f"prompt is too long: {prompt} tokens > {most} maximum"


ENVELOPE: Final = Envelope(failure=error_body, stream_failure=error_body, status=status_of)
