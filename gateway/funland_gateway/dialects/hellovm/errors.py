"""The `hellovm` dialect's error body, and the few statuses that its document knows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.dialects.dialect import Envelope
from funland_gateway.dialects.times import utc
from funland_gateway.failures import http_status, reason_name

_KINDS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("validation_error", "Invalid request parameters"),
    401: ("unauthorized", "Unauthorized"),
    403: ("forbidden", "Insufficient permissions"),
    404: ("not_found", "Resource not found"),
    409: ("conflict", "Resource conflict"),
    422: ("validation_error", "Invalid request body format"),
    429: ("rate_limit_exceeded", "Rate limit exceeded"),
    500: ("internal_error", "Internal server error"),
    503: ("service_unavailable", "Service unavailable"),
}
"""`error.type` and `message` by the document's statuses."""

_BY_REASON: Final[Mapping[ErrorReason.ValueType, int]] = {
    ErrorReason.BODY_MALFORMED: 422,
    ErrorReason.DOWNLOAD_STATE: 409,
    ErrorReason.HUB_MODEL_UNSUPPORTED: 409,
    ErrorReason.HUB_ANSWER_INVALID: 503,
    ErrorReason.OFFLINE: 503,
    ErrorReason.STORAGE_FULL: 503,
    ErrorReason.PLUGIN_DISABLED: 409,
    ErrorReason.PLUGIN_BROKEN: 409,
    ErrorReason.PLUGIN_ISOLATION_UNAVAILABLE: 503,
}
_NEAREST: Final[Mapping[int, int]] = {499: 503, 501: 500, 504: 503}
"""Statuses that the document lacks, and are not HTTP's own."""

_RESOURCES: Final[Mapping[ErrorReason.ValueType, tuple[str, str]]] = {
    ErrorReason.MODEL_NOT_FOUND: ("model", "model"),
    ErrorReason.HUB_MODEL_NOT_FOUND: ("model", "model"),
    ErrorReason.VARIANT_NOT_FOUND: ("model", "model"),
    ErrorReason.MODEL_EXISTS: ("model", "model"),
    ErrorReason.DOWNLOAD_NOT_FOUND: ("download", "download_id"),
    ErrorReason.DOWNLOAD_STATE: ("download", "download_id"),
    ErrorReason.DEVICE_NOT_FOUND: ("device", "device_id"),
    ErrorReason.SESSION_NOT_FOUND: ("session", "session_id"),
    ErrorReason.SESSION_BUSY: ("session", "session_id"),
    ErrorReason.MESSAGE_NOT_FOUND: ("message", "message_id"),
    ErrorReason.PLUGIN_NOT_FOUND: ("plugin", "plugin_id"),
    ErrorReason.PLUGIN_DISABLED: ("plugin", "plugin_id"),
    ErrorReason.PLUGIN_BROKEN: ("plugin", "plugin_id"),
    ErrorReason.PLUGIN_FAILED: ("plugin", "plugin_id"),
    ErrorReason.PLUGIN_DENIED: ("plugin", "plugin_id"),
    ErrorReason.PLUGIN_LIMIT_EXCEEDED: ("plugin", "plugin_id"),
    ErrorReason.PLUGIN_ISOLATION_UNAVAILABLE: ("plugin", "plugin_id"),
    ErrorReason.TASK_NOT_FOUND: ("execution", "task_id"),
}
"""What an error is about, and where its metadata has the id."""


def error_status(error: Error) -> int:
    """The HTTP status."""
    status = _BY_REASON.get(error.reason) or http_status(error)
    return _NEAREST.get(status, status)


def error_body(error: Error, now: float) -> dict[str, Any]:
    """The body of an HTTP error at a time in seconds since 1970."""
    status = error_status(error)
    kind, message = _KINDS.get(status) or _of_http(status)
    return {
        "code": status,
        "message": message,
        "error": {
            "type": kind,
            "details": error.message,
            "reason": reason_name(error),
            **_fields(error),
            **_resource(error),
            **_support(error),
        },
        "timestamp": utc(now),
        "request_id": error.request_id,
    }


def _of_http(status: int) -> tuple[str, str]:
    phrase = HTTPStatus(status).phrase
    return phrase.lower().replace(" ", "_").replace("-", "_"), phrase


def _fields(error: Error) -> dict[str, Any]:
    found = {each.field: each.description for each in error.field_violations}
    if error.reason == ErrorReason.PARAMETER_UNSUPPORTED:
        name = error.metadata["parameter"]
        found[name] = error.message.removeprefix(f"{name}: ")
    return {"field_errors": found} if found else {}


def _resource(error: Error) -> dict[str, Any]:
    if error.reason not in _RESOURCES:
        return {}
    resource, key = _RESOURCES[error.reason]
    return {"resource": resource, "resource_id": error.metadata.get(key)}


def _support(error: Error) -> dict[str, Any]:
    error_id = error.metadata.get("error_id")
    if not error_id:
        return {}
    told = f"The server's log has more under the error ID: {error_id}"
    return {"error_id": error_id, "support_reference": told}


def _failure(error: Error) -> dict[str, Any]:
    return error_body(error, time.time())


ENVELOPE: Final = Envelope(failure=_failure, stream_failure=_failure, status=error_status)
