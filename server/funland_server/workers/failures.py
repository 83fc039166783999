"""The worker's failures in the server's words."""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import Failure
from funland_server.errors import (
    FieldInvalidError,
    FunlandError,
    ModelCannotChatError,
    ModelLoadFailedError,
    PromptTooLongError,
    TemplateFailedError,
    TemplateLimitError,
    TokenUnknownError,
    Violation,
)

_ERRORS: dict[ErrorReason.ValueType, type[FunlandError]] = {
    kind.reason: kind
    for kind in (
        PromptTooLongError,
        TokenUnknownError,
        TemplateFailedError,
        TemplateLimitError,
        ModelCannotChatError,
        ModelLoadFailedError,
    )
}


class WorkerDefectError(Exception):
    """The worker failed in a way that no caller can do anything about."""


def from_wire(failure: Failure, model: str) -> Exception:
    """The error that a caller of `model` gets."""
    if failure.reason == ErrorReason.FIELD_INVALID:
        return FieldInvalidError([Violation("prompt", failure.message)])
    kind = _ERRORS.get(failure.reason)
    if kind is None:
        return WorkerDefectError(failure.message)
    return kind(failure.message, **{**failure.metadata, "model": model})
