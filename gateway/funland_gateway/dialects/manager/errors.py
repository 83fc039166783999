"""The `manager` dialect's error body and its codes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.dialects.dialect import Envelope
from funland_gateway.dialects.times import utc
from funland_gateway.failures import http_status, reason_name

SOURCE: Final = "source"
"""The field that names a hub."""

MODEL_SOURCE: Final = "model_source"
"""The same, of a deployment."""

_CODES: Final[Mapping[ErrorReason.ValueType, str]] = {
    ErrorReason.HUB_MODEL_NOT_FOUND: "MODEL_NOT_FOUND",
    ErrorReason.DOWNLOAD_NOT_FOUND: "TASK_NOT_FOUND",
    ErrorReason.DOWNLOAD_STATE: "INVALID_ACTION",
    ErrorReason.MODEL_CANNOT_CHAT: "CHAT_NOT_SUPPORTED",
}

_FIELD_CODES: Final[Mapping[str, str]] = {
    SOURCE: "INVALID_SOURCE",
    MODEL_SOURCE: "INVALID_SOURCE",
    "action": "INVALID_ACTION",
}

_CONFLICTS: Final = frozenset({ErrorReason.DOWNLOAD_STATE, ErrorReason.DEPLOYMENT_NOT_RUNNING})
"""A state stands in the way of what is asked: that is no fault of the request's form."""


def error_code(error: Error) -> str:
    """The document's code where it has one, else the reason's name."""
    for violation in error.field_violations:
        if violation.field in _FIELD_CODES:
            return _FIELD_CODES[violation.field]
    return _CODES.get(error.reason) or reason_name(error)


def error_body(error: Error, now: float) -> dict[str, Any]:
    """The body of an HTTP error at a time in seconds since 1970."""
    return {
        "success": False,
        "message": error.message,
        "error": error_code(error),
        "timestamp": utc(now),
    }


def _status(error: Error) -> int:
    return HTTPStatus.CONFLICT if error.reason in _CONFLICTS else http_status(error)


def _failure(error: Error) -> dict[str, Any]:
    return error_body(error, time.time())


ENVELOPE: Final = Envelope(failure=_failure, stream_failure=_failure, status=_status)
