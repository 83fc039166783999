"""The `inference` dialect's error body, for whole calls, single results and ended streams."""

from __future__ import annotations

from typing import Any, Final

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.dialects.dialect import Envelope


def error_body(error: Error) -> dict[str, Any]:
    """`code` is an `ErrorReason` by name; `details` is text, empty when there are none."""
    return {
        "error": {
            "code": ErrorReason.Name(error.reason),
            "message": error.message,
            "details": _details(error),
        }
    }


def _details(error: Error) -> str:
    if error.field_violations:
        return "; ".join(f"{each.field}: {each.description}" for each in error.field_violations)
    return "; ".join(f"{name}: {value}" for name, value in sorted(error.metadata.items()))


def _stream_failure(error: Error) -> dict[str, Any]:
    return {**error_body(error), "finished": True}


ENVELOPE: Final = Envelope(failure=error_body, stream_failure=_stream_failure)
