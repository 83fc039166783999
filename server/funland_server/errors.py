"""What can go wrong, said in the words of the domain.

    FunlandError
    ├── InvalidArgumentError
    │   ├── FieldInvalidError          FIELD_INVALID
    │   ├── BodyMalformedError         BODY_MALFORMED
    │   ├── PromptTooLongError         PROMPT_TOO_LONG
    │   ├── TokenUnknownError          TOKEN_UNKNOWN
    │   ├── TemplateFailedError        TEMPLATE_FAILED
    │   ├── ConstraintInvalidError     CONSTRAINT_INVALID
    │   └── ConstraintLimitError       CONSTRAINT_LIMIT
    ├── NotFoundError
    │   ├── ModelNotFoundError         MODEL_NOT_FOUND
    │   ├── AdapterNotFoundError       ADAPTER_NOT_FOUND
    │   └── ResponseNotFoundError      RESPONSE_NOT_FOUND
    ├── AlreadyExistsError
    │   ├── ModelExistsError           MODEL_EXISTS
    │   └── AdapterExistsError         ADAPTER_EXISTS
    ├── FailedPreconditionError
    │   ├── ModelCannotChatError       MODEL_CANNOT_CHAT
    │   ├── ModelFileInvalidError      MODEL_FILE_INVALID
    │   ├── ModelFileMissingError      MODEL_FILE_MISSING
    │   ├── ModelFileChangedError      MODEL_FILE_CHANGED
    │   ├── ModelLoadFailedError       MODEL_LOAD_FAILED
    │   ├── ModelBuiltInError          MODEL_BUILT_IN
    │   ├── ModelCannotGenerateError   MODEL_CANNOT_GENERATE
    │   ├── EngineUnavailableError     ENGINE_UNAVAILABLE
    │   ├── EngineUnsupportedError     ENGINE_UNSUPPORTED
    │   ├── AdapterInvalidError        ADAPTER_INVALID
    │   └── ResponseNotInBackgroundError  RESPONSE_NOT_IN_BACKGROUND
    ├── ResourceExhaustedError
    │   ├── TemplateLimitError         TEMPLATE_LIMIT
    │   ├── QueueFullError             QUEUE_FULL
    │   ├── ModelTooLargeError         MODEL_TOO_LARGE
    │   └── StorageFullError           STORAGE_FULL
    ├── UnavailableError
    │   ├── WorkerLostError            WORKER_LOST
    │   ├── ModelUnloadedError         MODEL_UNLOADED
    │   ├── ModelBackingOffError       MODEL_BACKING_OFF
    │   ├── StorageUnavailableError    STORAGE_UNAVAILABLE
    │   └── ServerStoppingError        SERVER_STOPPING
    ├── DeadlinePassedError            DEADLINE_PASSED
    ├── CallerGoneError                CALLER_GONE
    ├── ModelOutputError               MODEL_OUTPUT_INVALID
    ├── InternalError                  INTERNAL_ERROR
    └── StartError                     never sent: for the person who starts the server

Each family has a canonical code (`google.rpc.Code`, by name). Nothing else here knows of transport:
`rpc.status` turns these errors into `google.rpc.Status`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that breaks a rule."""

    field: str
    description: str


class FunlandError(Exception):
    """An error that a caller is meant to see. `metadata` is what `ErrorReason` documents."""

    code: ClassVar[str]
    reason: ClassVar[ErrorReason.ValueType]
    retry_seconds: float | None = None
    """How long to wait before another try; None when waiting does not help."""
    violations: tuple[Violation, ...] = ()
    """The fields of the request that are wrong."""

    def __init__(self, message: str, **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.metadata = metadata

    def to_wire(self, request_id: str = "") -> Error:
        """The error as a part of an answer."""
        error = Error(
            code=self.code,
            reason=self.reason,
            message=self.message,
            metadata=self.metadata,
            request_id=request_id,
            field_violations=[
                FieldViolation(field=v.field, description=v.description) for v in self.violations
            ],
        )
        if self.retry_seconds is not None:
            error.retry_delay.FromTimedelta(timedelta(seconds=self.retry_seconds))
        return error


class InvalidArgumentError(FunlandError):
    """The request can't be met, whatever the server's state."""

    code = "INVALID_ARGUMENT"


class FieldInvalidError(InvalidArgumentError):
    """One or more fields break a rule of the contract."""

    reason = ErrorReason.FIELD_INVALID

    def __init__(self, violations: Sequence[Violation]) -> None:
        named = "; ".join(f"{v.field}: {v.description}" for v in violations)
        super().__init__(named)
        self.violations = tuple(violations)


class BodyMalformedError(InvalidArgumentError):
    """The bytes of a request are not its message."""

    reason = ErrorReason.BODY_MALFORMED

    def __init__(self, message_type: str) -> None:
        super().__init__(f"The body is no {message_type}: it can't be decoded.")


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


class NotFoundError(FunlandError):
    """The named thing does not exist."""

    code = "NOT_FOUND"


class ModelNotFoundError(NotFoundError):
    """No installed model has that name."""

    reason = ErrorReason.MODEL_NOT_FOUND

    def __init__(self, model: str) -> None:
        super().__init__(
            f"Model {model!r} is not installed. `funland models list` shows those that are.",
            model=model,
        )


class AdapterNotFoundError(NotFoundError):
    """The model has no adapter of that id."""

    reason = ErrorReason.ADAPTER_NOT_FOUND


class ResponseNotFoundError(NotFoundError):
    """No response of that id is kept."""

    reason = ErrorReason.RESPONSE_NOT_FOUND

    def __init__(self, response_id: str) -> None:
        super().__init__(f"No response {response_id!r} is kept.", response_id=response_id)


class AlreadyExistsError(FunlandError):
    """The thing to make is there already."""

    code = "ALREADY_EXISTS"


class ModelExistsError(AlreadyExistsError):
    """An installed model has that id or alias."""

    reason = ErrorReason.MODEL_EXISTS

    def __init__(self, model: str) -> None:
        super().__init__(
            f"A model named {model!r} is installed already; give another model_id, or delete it.",
            model=model,
        )


class AdapterExistsError(AlreadyExistsError):
    """The model has an adapter of that id."""

    reason = ErrorReason.ADAPTER_EXISTS

    def __init__(self, model: str, adapter: str) -> None:
        super().__init__(
            f"Model {model!r} has an adapter {adapter!r} already; give another adapter_id, or"
            " detach it.",
            model=model,
            adapter=adapter,
        )


class FailedPreconditionError(FunlandError):
    """The state of the server does not allow it."""

    code = "FAILED_PRECONDITION"


class ModelCannotChatError(FailedPreconditionError):
    """The model has no chat template."""

    reason = ErrorReason.MODEL_CANNOT_CHAT


class ModelFileInvalidError(FailedPreconditionError):
    """The file is not a whole model of a format that Funland reads."""

    reason = ErrorReason.MODEL_FILE_INVALID


class ModelFileMissingError(FailedPreconditionError):
    """The model's file is gone from the store."""

    reason = ErrorReason.MODEL_FILE_MISSING

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The file of model {model!r} is gone from the store; delete the model and import it"
            " again.",
            model=model,
        )


class ModelFileChangedError(FailedPreconditionError):
    """The file's SHA-256 is not the one expected."""

    reason = ErrorReason.MODEL_FILE_CHANGED


class ModelLoadFailedError(FailedPreconditionError):
    """The engine could not load the model."""

    reason = ErrorReason.MODEL_LOAD_FAILED
    crashed = False
    """Whether the process ended while it loaded, without a word."""


class ModelBuiltInError(FailedPreconditionError):
    """The model comes with Funland."""

    reason = ErrorReason.MODEL_BUILT_IN

    def __init__(self, model: str) -> None:
        super().__init__(f"Model {model!r} comes with Funland and can't be deleted.", model=model)


class ModelCannotGenerateError(FailedPreconditionError):
    """The model is one that writes no text."""

    reason = ErrorReason.MODEL_CANNOT_GENERATE


class EngineUnavailableError(FailedPreconditionError):
    """The engine is not installed, or has no such device."""

    reason = ErrorReason.ENGINE_UNAVAILABLE


class EngineUnsupportedError(FailedPreconditionError):
    """The engine that runs the model can't do what is asked for."""

    reason = ErrorReason.ENGINE_UNSUPPORTED


class AdapterInvalidError(FailedPreconditionError):
    """The file is not an adapter for the model."""

    reason = ErrorReason.ADAPTER_INVALID


class ResponseNotInBackgroundError(FailedPreconditionError):
    """The response is not made in the background."""

    reason = ErrorReason.RESPONSE_NOT_IN_BACKGROUND

    def __init__(self, response_id: str) -> None:
        super().__init__(
            f"Response {response_id!r} was not made in the background: only its own call could end"
            " it.",
            response_id=response_id,
        )


class ResourceExhaustedError(FunlandError):
    """A limit was reached."""

    code = "RESOURCE_EXHAUSTED"


class TemplateLimitError(ResourceExhaustedError):
    """The model's chat template ran too long or grew too large."""

    reason = ErrorReason.TEMPLATE_LIMIT


class QueueFullError(ResourceExhaustedError):
    """As many calls wait for the model as are allowed."""

    reason = ErrorReason.QUEUE_FULL


class ModelTooLargeError(ResourceExhaustedError):
    """The memory has no room for the model."""

    reason = ErrorReason.MODEL_TOO_LARGE


class StorageFullError(ResourceExhaustedError):
    """The disk has no room for what is to be kept."""

    reason = ErrorReason.STORAGE_FULL

    def __init__(self) -> None:
        super().__init__(
            "The disk has no room for what is to be kept. Free some, or name another home in the"
            " settings."
        )


class UnavailableError(FunlandError):
    """It may work on another try."""

    code = "UNAVAILABLE"


class WorkerLostError(UnavailableError):
    """The process that held the model ended during the call."""

    reason = ErrorReason.WORKER_LOST

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The process that held model {model!r} ended during the call. Call again: another is"
            " started.",
            model=model,
        )


class ModelUnloadedError(UnavailableError):
    """The model was taken out of memory during the call."""

    reason = ErrorReason.MODEL_UNLOADED

    def __init__(self, model: str) -> None:
        super().__init__(f"Model {model!r} was unloaded during the call.", model=model)


class ModelBackingOffError(UnavailableError):
    """The model's process was lost again and again, and is not started for a while."""

    reason = ErrorReason.MODEL_BACKING_OFF


class StorageUnavailableError(UnavailableError):
    """The database can't be reached, or was lost on the way."""

    reason = ErrorReason.STORAGE_UNAVAILABLE
    retry_seconds = 1.0

    def __init__(self) -> None:
        super().__init__(
            "The database can't be reached at the moment; try again. What was to be written may be"
            " written or not."
        )


class ServerStoppingError(UnavailableError):
    """The server takes no new calls, or ended before it had answered one."""

    reason = ErrorReason.SERVER_STOPPING

    def __init__(self, message: str = "The server is stopping.") -> None:
        super().__init__(message)


class DeadlinePassedError(FunlandError):
    """The caller's deadline passed."""

    code = "DEADLINE_EXCEEDED"
    reason = ErrorReason.DEADLINE_PASSED

    def __init__(self) -> None:
        super().__init__("The call's deadline passed before it was done.")


class CallerGoneError(FunlandError):
    """The caller went away, or did not read for too long."""

    code = "CANCELLED"
    reason = ErrorReason.CALLER_GONE

    def __init__(self) -> None:
        super().__init__("The caller did not read for too long, so the call was ended.")


class ModelOutputError(FunlandError):
    """The model computed what is not a number."""

    code = "INTERNAL"
    reason = ErrorReason.MODEL_OUTPUT_INVALID


class InternalError(FunlandError):
    """A defect; the log has more under the id."""

    code = "INTERNAL"
    reason = ErrorReason.INTERNAL_ERROR

    def __init__(self, error_id: str) -> None:
        super().__init__(
            f"Something went wrong inside Funland; its log has more under {error_id}.",
            error_id=error_id,
        )


class StartError(FunlandError):
    """The server can't start."""

    code = "FAILED_PRECONDITION"
    reason = ErrorReason.ERROR_REASON_UNSPECIFIED
