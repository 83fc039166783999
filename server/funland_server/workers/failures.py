"""The worker's failures in the server's words."""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1.worker_pb2 import Failure
from funland_server.errors import FieldInvalidError, FunlandError, Violation
from funland_server.workers.errors import (
    AdapterInvalidError,
    AdapterNotFoundError,
    AudioInvalidError,
    ConstraintInvalidError,
    ConstraintLimitError,
    EngineUnavailableError,
    EngineUnsupportedError,
    FormatUnavailableError,
    ImageInvalidError,
    LanguageUnsupportedError,
    ModelCannotChatError,
    ModelCannotGenerateError,
    ModelCannotHearError,
    ModelCannotInfillError,
    ModelCannotSeeError,
    ModelFileInvalidError,
    ModelLoadFailedError,
    ModelOutputError,
    ModelTooLargeError,
    PromptTooLongError,
    QueueFullError,
    SsmlInvalidError,
    TemplateFailedError,
    TemplateLimitError,
    TextUnspeakableError,
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
        ModelCannotInfillError,
        ModelCannotSeeError,
        ModelCannotHearError,
        ModelOutputError,
        ModelTooLargeError,
        ConstraintInvalidError,
        ConstraintLimitError,
        QueueFullError,
        AdapterNotFoundError,
        AdapterInvalidError,
        EngineUnavailableError,
        EngineUnsupportedError,
        AudioInvalidError,
        FormatUnavailableError,
        ImageInvalidError,
        LanguageUnsupportedError,
        SsmlInvalidError,
        TextUnspeakableError,
    )
}


class WorkerDefectError(Exception):
    """The worker failed in a way that no caller of a model can do anything about."""

    def __init__(self, message: object, failure: Failure | None = None) -> None:
        """With what it said, if it said something: whoever gave it other work than a model's calls
        may know more of that."""
        super().__init__(message)
        self.failure = failure


def from_wire(failure: Failure, model: str) -> Exception:
    """The error that a caller of `model` gets."""
    if failure.reason == ErrorReason.FIELD_INVALID:
        field = failure.metadata.get("field", "prompt")
        return FieldInvalidError([Violation(field, failure.message)])
    kind = _ERRORS.get(failure.reason)
    if kind is None:
        return WorkerDefectError(failure.message, failure)
    error = kind(failure.message, **{**failure.metadata, "model": model})
    if failure.HasField("retry_seconds"):
        error.retry_seconds = failure.retry_seconds
    return error
