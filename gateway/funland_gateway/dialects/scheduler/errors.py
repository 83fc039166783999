"""The `scheduler` dialect's error body, and the few statuses that its document knows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.dialects.dialect import Envelope
from funland_gateway.failures import http_status, reason_name

_BY_REASON: Final[Mapping[ErrorReason.ValueType, int]] = {
    ErrorReason.STORAGE_FULL: 503,
    ErrorReason.ANSWER_TOO_LARGE: 400,
    ErrorReason.TASK_TIMEOUT: 408,
}
_NEAREST: Final[Mapping[int, int]] = {409: 400, 499: 503, 501: 500, 504: 408}
"""Statuses that the document lacks, and are not words for what is wrong with the HTTP itself."""


def error_status(error: Error) -> int:
    """The HTTP status, and the code of the body."""
    status = _BY_REASON.get(error.reason) or http_status(error)
    return _NEAREST.get(status, status)


def error_fields(error: Error) -> dict[str, Any]:
    """What is said of a failure, of a call's as of a task's. `reason` is the contract's name."""
    return {
        "code": error_status(error),
        "message": error.message,
        "reason": reason_name(error),
    }


def error_body(error: Error, now: float) -> dict[str, Any]:
    """The body of an HTTP error at a time in seconds since 1970."""
    return {"ok": False, "data": None, "error": error_fields(error), "timestamp": int(now)}


def _failure(error: Error) -> dict[str, Any]:
    return error_body(error, time.time())


def _stream_failure(error: Error) -> dict[str, Any]:
    return {**_failure(error), "finished": True}


ENVELOPE: Final = Envelope(failure=_failure, stream_failure=_stream_failure, status=error_status)
