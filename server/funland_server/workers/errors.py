"""What can go wrong with the process that holds a model, the model's own failures included.

InvalidArgumentError
├── PromptTooLongError          PROMPT_TOO_LONG
├── TokenUnknownError           TOKEN_UNKNOWN
├── TemplateFailedError         TEMPLATE_FAILED
├── ConstraintInvalidError      CONSTRAINT_INVALID
├── ConstraintLimitError        CONSTRAINT_LIMIT
├── TextUnspeakableError        TEXT_UNSPEAKABLE
├── SsmlInvalidError            SSML_INVALID
├── AudioInvalidError           AUDIO_INVALID
├── LanguageUnsupportedError    LANGUAGE_UNSUPPORTED
└── ImageInvalidError           IMAGE_INVALID
NotFoundError
└── AdapterNotFoundError        ADAPTER_NOT_FOUND
FailedPreconditionError
├── ModelCannotChatError        MODEL_CANNOT_CHAT
├── ModelLoadFailedError        MODEL_LOAD_FAILED
├── ModelCannotGenerateError    MODEL_CANNOT_GENERATE
├── EngineUnavailableError      ENGINE_UNAVAILABLE
├── EngineUnsupportedError      ENGINE_UNSUPPORTED
├── ModelFileInvalidError       MODEL_FILE_INVALID
├── FormatUnavailableError      FORMAT_UNAVAILABLE
├── AdapterInvalidError         ADAPTER_INVALID
├── ModelCannotInfillError      MODEL_CANNOT_INFILL
├── ModelCannotSeeError         MODEL_CANNOT_SEE
└── ModelCannotHearError        MODEL_CANNOT_HEAR
ResourceExhaustedError
├── TemplateLimitError          TEMPLATE_LIMIT
├── QueueFullError              QUEUE_FULL
└── ModelTooLargeError          MODEL_TOO_LARGE
UnavailableError
├── WorkerLostError             WORKER_LOST
├── ModelUnloadedError          MODEL_UNLOADED
└── ModelBackingOffError        MODEL_BACKING_OFF
FunlandError
└── ModelOutputError            MODEL_OUTPUT_INVALID
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import (
    FailedPreconditionError,
    FunlandError,
    InvalidArgumentError,
    NotFoundError,
    ResourceExhaustedError,
    UnavailableError,
    Violation,
)


class PromptTooLongError(InvalidArgumentError):
    """The prompt has more tokens than the model's context holds."""

    reason = ErrorReason.PROMPT_TOO_LONG


class TokenUnknownError(InvalidArgumentError):
    """Some token of the request is not in the model's vocabulary."""

    reason = ErrorReason.TOKEN_UNKNOWN

    def __init__(self, description: str, field: str, **metadata: str) -> None:
        super().__init__(f"{field}: {description}", **metadata)
        self.violations = (Violation(field, description),)


class TemplateFailedError(InvalidArgumentError):
    """The model's chat template refuses the messages, or failed on them."""

    reason = ErrorReason.TEMPLATE_FAILED


class ConstraintInvalidError(InvalidArgumentError):
    """The JSON Schema, grammar, regular expression or tool can't be compiled."""

    reason = ErrorReason.CONSTRAINT_INVALID


class ConstraintLimitError(InvalidArgumentError):
    """The JSON Schema, grammar or regular expression is too complex."""

    reason = ErrorReason.CONSTRAINT_LIMIT


class TextUnspeakableError(InvalidArgumentError):
    """The voice can't say a part of the text, or there is nothing to say."""

    reason = ErrorReason.TEXT_UNSPEAKABLE


class SsmlInvalidError(InvalidArgumentError):
    """The text is no SSML, or has an element that is not supported."""

    reason = ErrorReason.SSML_INVALID


class AudioInvalidError(InvalidArgumentError):
    """What came can't be read as sound."""

    reason = ErrorReason.AUDIO_INVALID


class LanguageUnsupportedError(InvalidArgumentError):
    """The model does not know the language, or does not translate."""

    reason = ErrorReason.LANGUAGE_UNSUPPORTED


class ImageInvalidError(InvalidArgumentError):
    """What came can't be read as a picture, or has too many pixels."""

    reason = ErrorReason.IMAGE_INVALID


class FormatUnavailableError(FailedPreconditionError):
    """What reads or writes the format is not installed."""

    reason = ErrorReason.FORMAT_UNAVAILABLE


class ModelCannotSeeError(FailedPreconditionError):
    """The model takes no pictures."""

    reason = ErrorReason.MODEL_CANNOT_SEE


class ModelCannotHearError(FailedPreconditionError):
    """The model takes no sounds."""

    reason = ErrorReason.MODEL_CANNOT_HEAR


class ModelCannotInfillError(FailedPreconditionError):
    """The model can't write what is between two texts."""

    reason = ErrorReason.MODEL_CANNOT_INFILL


class ModelCannotChatError(FailedPreconditionError):
    """The model has no chat template."""

    reason = ErrorReason.MODEL_CANNOT_CHAT


class ModelLoadFailedError(FailedPreconditionError):
    """The engine could not load the model."""

    reason = ErrorReason.MODEL_LOAD_FAILED
    crashed = False
    """Whether the process ended while it loaded, without a word."""


class ModelCannotGenerateError(FailedPreconditionError):
    """The model is one that writes no text."""

    reason = ErrorReason.MODEL_CANNOT_GENERATE


class EngineUnavailableError(FailedPreconditionError):
    """The engine is not installed, or has no such device."""

    reason = ErrorReason.ENGINE_UNAVAILABLE


class EngineUnsupportedError(FailedPreconditionError):
    """The engine that runs the model can't do what is asked for."""

    reason = ErrorReason.ENGINE_UNSUPPORTED


class TemplateLimitError(ResourceExhaustedError):
    """The model's chat template ran too long or grew too large."""

    reason = ErrorReason.TEMPLATE_LIMIT


class QueueFullError(ResourceExhaustedError):
    """As many calls wait for the model as are allowed."""

    reason = ErrorReason.QUEUE_FULL


class ModelTooLargeError(ResourceExhaustedError):
    """The memory has no room for the model."""

    reason = ErrorReason.MODEL_TOO_LARGE
    why = ""
    """What keeps the memory that it could have, in a sentence; empty if nothing does."""


class WorkerLostError(UnavailableError):
    """The process that held the model, or ran a plugin, ended during the call, or was not there."""

    reason = ErrorReason.WORKER_LOST

    def __init__(self, model: str, what: str = "", *, said: str = "") -> None:
        what = what or f"The process that held model {model!r}"
        super().__init__(
            said or f"{what} ended during the call. Call again: another is started.", model=model
        )


class ModelUnloadedError(UnavailableError):
    """The model was taken out of memory during the call."""

    reason = ErrorReason.MODEL_UNLOADED

    def __init__(self, model: str) -> None:
        super().__init__(f"Model {model!r} was unloaded during the call.", model=model)


class ModelBackingOffError(UnavailableError):
    """The model's process was lost again and again, and is not started for a while."""

    reason = ErrorReason.MODEL_BACKING_OFF


class ModelOutputError(FunlandError):
    """The model computed what is not a number."""

    code = "INTERNAL"
    reason = ErrorReason.MODEL_OUTPUT_INVALID


class ModelFileInvalidError(FailedPreconditionError):
    """The file is not a whole model of a format that Funland reads."""

    reason = ErrorReason.MODEL_FILE_INVALID


class AdapterNotFoundError(NotFoundError):
    """The model has no adapter of that id."""

    reason = ErrorReason.ADAPTER_NOT_FOUND


class AdapterInvalidError(FailedPreconditionError):
    """The file is not an adapter for the model."""

    reason = ErrorReason.ADAPTER_INVALID
