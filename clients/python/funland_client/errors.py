"""What can go wrong in a call, for programs to catch.

    FunlandError
    ├── InvalidRequestError           the request itself is wrong; the same one fails again
    │   ├── PromptTooLongError
    │   ├── TemplateError             the model's chat template refuses the messages
    │   └── ConstraintError           the format, or a tool, can't be compiled or is too complex
    ├── NotFoundError
    │   ├── ModelNotFoundError
    │   ├── AdapterNotFoundError
    │   └── ResponseNotFoundError
    ├── AlreadyExistsError
    │   ├── ModelExistsError
    │   └── AdapterExistsError
    ├── PreconditionError             the state of things, not the request, stands in the way
    │   ├── ModelCannotChatError
    │   ├── ModelCannotGenerateError
    │   ├── ModelFileError            not a whole model, gone, or changed since its import
    │   ├── ModelLoadError
    │   ├── ModelBuiltInError
    │   ├── AdapterFileError          not an adapter for the model
    │   ├── EngineError               not installed, or it can't do what the call asks for
    │   └── ResponseNotInBackgroundError
    ├── LimitError                    the request asks for more than is allowed
    │   ├── ModelTooLargeError
    │   ├── StorageFullError          the server's disk has no room for what is to be kept
    │   └── QueueFullError            retryable
    ├── UnavailableError              retryable: the same call may succeed
    │   ├── WorkerLostError
    │   ├── ModelUnloadedError
    │   ├── ModelBackingOffError
    │   ├── ServerStoppingError
    │   ├── ServerUnreachableError
    │   └── StreamBrokenError
    ├── DeadlineExceededError
    ├── CallCancelledError
    ├── InternalError                 a defect of Funland, or of the model:
    │   └── ModelOutputError          it computes what is not a number
    └── AnswerError                   the call went well, what the model said is of no use
        ├── AnswerCutOffError
        ├── AnswerInvalidError
        └── ToolRoundsError

A reason that this version does not know becomes the class of its status code, so that a newer
server's errors are caught where the older ones are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

import grpc

from funland.v1.errors_pb2 import FieldViolation
from funland.v1.inference_pb2 import Message


class FunlandError(Exception):
    """A call failed.

    `reason` is the name of a `funland.v1.ErrorReason`, or empty if what failed gave none; its
    comment tells which keys `metadata` has. `field_violations` names the wrong fields of the
    request. `retry_delay` is how long to wait before another try, None when waiting does not help.
    `request_id` finds the call in the server's log.
    """

    retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        reason: str = "",
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        metadata: Mapping[str, str] | None = None,
        field_violations: Sequence[FieldViolation] = (),
        retry_delay: timedelta | None = None,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.code = code
        self.metadata = dict(metadata or {})
        self.field_violations = tuple(field_violations)
        self.retry_delay = retry_delay
        self.request_id = request_id


class InvalidRequestError(FunlandError):
    """The request breaks a rule of the contract; `field_violations` names the fields."""


class PromptTooLongError(InvalidRequestError):
    """The prompt has more tokens than the model's context holds."""


class TemplateError(InvalidRequestError):
    """The model's chat template refuses these messages, or failed on them."""


class ConstraintError(InvalidRequestError):
    """The format, or the parameters of a tool, can't be compiled or are too complex."""


class NotFoundError(FunlandError):
    """What the request names is not there."""


class ModelNotFoundError(NotFoundError):
    """No installed model has this name."""


class AdapterNotFoundError(NotFoundError):
    """The model has no adapter of this id."""


class ResponseNotFoundError(NotFoundError):
    """No stored response has this id."""


class AlreadyExistsError(FunlandError):
    """What the request makes is there already."""


class ModelExistsError(AlreadyExistsError):
    """An installed model has this id or alias already."""


class AdapterExistsError(AlreadyExistsError):
    """The model has an adapter of this id already."""


class PreconditionError(FunlandError):
    """The request is right, but the state of things does not allow it."""


class ModelCannotChatError(PreconditionError):
    """The model has no chat template: it can complete text but not chat."""


class ModelCannotGenerateError(PreconditionError):
    """The model writes no text: it is for embeddings or ranking."""


class ModelFileError(PreconditionError):
    """The model's file is not a whole model, is gone, or is not what was imported."""


class ModelLoadError(PreconditionError):
    """The engine could not load the model."""


class ModelBuiltInError(PreconditionError):
    """The model comes with Funland and can't be deleted."""


class AdapterFileError(PreconditionError):
    """The file is not an adapter for this model."""


class EngineError(PreconditionError):
    """The engine is not installed, lacks the device, or can't do what the call asks for."""


class ResponseNotInBackgroundError(PreconditionError):
    """The response is not made in the background: only its own call can end it."""


class LimitError(FunlandError):
    """The request asks for more time, memory or room than is allowed."""


class ModelTooLargeError(LimitError):
    """The memory has no room for the model, even when all that is idle is unloaded."""


class StorageFullError(LimitError):
    """The server's disk has no room for what is to be kept."""


class QueueFullError(LimitError):
    """As many calls wait for the model as are allowed; `retry_delay` says when to try."""

    retryable = True


class UnavailableError(FunlandError):
    """The call could not be answered now; the same call may succeed."""

    retryable = True


class WorkerLostError(UnavailableError):
    """The process that held the model ended during the call; the next call starts another."""


class ModelUnloadedError(UnavailableError):
    """The model was unloaded during the call; the next call loads it."""


class ModelBackingOffError(UnavailableError):
    """The model's process was lost again and again; `retry_delay` says when it is started anew."""


class ServerStoppingError(UnavailableError):
    """The server ends the calls it has and takes no others."""


class ServerUnreachableError(UnavailableError):
    """Nothing answers at the server's address, `metadata["address"]`."""


class StreamBrokenError(UnavailableError):
    """The stream ended before its answer was complete."""


class DeadlineExceededError(FunlandError):
    """The client's timeout passed before the answer was complete."""


class CallCancelledError(FunlandError):
    """The call was cancelled, by this side or because it did not read for too long."""


class InternalError(FunlandError):
    """A defect of Funland; `metadata["error_id"]` finds it in the server's log."""


class ModelOutputError(InternalError):
    """The model computed what is not a number: its file is damaged or badly quantized."""


class AnswerError(FunlandError):
    """The call went well, but what the model said can't be used; `text` is what it said."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


class AnswerCutOffError(AnswerError):
    """`max_tokens`, or the model's context, ended the answer before it was whole."""


class AnswerInvalidError(AnswerError):
    """The answer is not what its class asks for; `__cause__` is pydantic's ValidationError."""


class ToolRoundsError(AnswerError):
    """The model went on to call functions; `messages` is the conversation."""

    def __init__(self, message: str, messages: Sequence[Message]) -> None:
        super().__init__(message, messages[-1].content)
        self.messages = tuple(messages)
