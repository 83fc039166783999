"""The worker's failures in the server's words."""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import Failure
from funland_server.errors import FieldInvalidError, FunlandError, Violation
from funland_server.workers.errors import (
    AdapterInvalidError,
    AdapterNotFoundError,
    ConstraintInvalidError,
    ConstraintLimitError,
    EngineUnavailableError,
    EngineUnsupportedError,
    ModelCannotChatError,
    ModelCannotGenerateError,
    ModelFileInvalidError,
    ModelLoadFailedError,
    ModelOutputError,
    ModelTooLargeError,
    PromptTooLongError,
    QueueFullError,
    TemplateFailedError,
    TemplateLimitError,
    TokenUnknownError,
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
        ModelFileInvalidError,
        ModelCannotGenerateError,
        ModelOutputError,
        ModelTooLargeError,
        ConstraintInvalidError,
        ConstraintLimitError,
        QueueFullError,
        AdapterNotFoundError,
        AdapterInvalidError,
        EngineUnavailableError,
        EngineUnsupportedError,
    )
}


class WorkerDefectError(Exception):
    """The worker failed in a way that no caller can do anything about."""


def from_wire(failure: Failure, model: str) -> Exception:
    """The error that a caller of `model` gets."""
    if failure.reason == ErrorReason.FIELD_INVALID:
        field = failure.metadata.get("field", "prompt")
        return FieldInvalidError([Violation(field, failure.message)])
    kind = _ERRORS.get(failure.reason)
    if kind is None:
        return WorkerDefectError(failure.message)
    error = kind(failure.message, **{**failure.metadata, "model": model})
    if failure.HasField("retry_seconds"):
        error.retry_seconds = failure.retry_seconds
    return error
