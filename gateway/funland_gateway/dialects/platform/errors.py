"""The `platform` dialect's error body, and the few statuses that its document knows."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.dialects.dialect import Envelope
from funland_gateway.failures import http_status

_NEAREST: Final[Mapping[int, int]] = {499: 503, 501: 500, 504: 503}
"""Statuses that are no words of HTTP's, or would tell a client to try elsewhere."""

_UNPROCESSABLE: Final = (ErrorReason.FIELD_INVALID, ErrorReason.BODY_MALFORMED)
"""What is wrong with a request itself, as servers made with FastAPI have it."""


def error_body(error: Error) -> dict[str, Any]:
    """`detail` is a sentence, with the field that is wrong at its beginning."""
    return {"detail": error.message}


def _status(error: Error) -> int:
    if error.reason in _UNPROCESSABLE:
        return HTTPStatus.UNPROCESSABLE_ENTITY
    status = http_status(error)
    return _NEAREST.get(status, status)


ENVELOPE: Final = Envelope(failure=error_body, stream_failure=error_body, status=_status)
