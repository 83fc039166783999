"""Failures before a message was read, as JSON-RPC's errors."""

from __future__ import annotations

from typing import Any, Final

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.dialects.dialect import Envelope
from funland_gateway.failures import reason_name
from funland_gateway.mcp.messages import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    SERVER_ERROR,
    error_message,
)

_CODES: Final = {
    "INVALID_ARGUMENT": INVALID_REQUEST,
    "NOT_FOUND": METHOD_NOT_FOUND,
    "INTERNAL": INTERNAL_ERROR,
}


def error_body(error: Error) -> dict[str, Any]:
    """The body of an HTTP error. Which request it is about is not known."""
    unread = error.reason == ErrorReason.BODY_MALFORMED
    code = PARSE_ERROR if unread else _CODES.get(error.code, SERVER_ERROR)
    data = {"reason": reason_name(error), "request_id": error.request_id}
    return error_message(None, code, error.message, data)


ENVELOPE: Final = Envelope(failure=error_body, stream_failure=error_body)
