"""What can go wrong, said in the words of the domain: the families, and what belongs to no domain.

    FunlandError
    ├── InvalidArgumentError
    │   ├── FieldInvalidError          FIELD_INVALID
    │   └── BodyMalformedError         BODY_MALFORMED
    ├── NotFoundError
    ├── AlreadyExistsError
    ├── FailedPreconditionError
    ├── UnauthenticatedError
    ├── PermissionDeniedError
    ├── ResourceExhaustedError
    ├── AbortedError
    ├── UnavailableError
    │   └── ServerStoppingError        SERVER_STOPPING
    ├── DataLossError
    ├── DeadlinePassedError            DEADLINE_PASSED
    ├── CallerGoneError                CALLER_GONE
    ├── UnknownError
    ├── InternalError                  INTERNAL_ERROR
    └── StartError                     never sent: for the person who starts the server

Each domain has its own, of these families, in its `errors.py`. A family has a canonical code
(`google.rpc.Code`, by name). Nothing here knows of transport: `rpc.status` turns these errors into
`google.rpc.Status`.
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


class NotFoundError(FunlandError):
    """The named thing does not exist."""

    code = "NOT_FOUND"


class AlreadyExistsError(FunlandError):
    """The thing to make is there already."""

    code = "ALREADY_EXISTS"


class FailedPreconditionError(FunlandError):
    """The state of the server does not allow it."""

    code = "FAILED_PRECONDITION"


class ResourceExhaustedError(FunlandError):
    """A limit was reached."""

    code = "RESOURCE_EXHAUSTED"


class UnauthenticatedError(FunlandError):
    """It is not known who calls."""

    code = "UNAUTHENTICATED"


class PermissionDeniedError(FunlandError):
    """The caller, or Funland itself, may not do this."""

    code = "PERMISSION_DENIED"


class AbortedError(FunlandError):
    """What was under way can't go on; it may from the start."""

    code = "ABORTED"


class DataLossError(FunlandError):
    """Data is damaged."""

    code = "DATA_LOSS"


class UnavailableError(FunlandError):
    """It may work on another try."""

    code = "UNAVAILABLE"


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
    """The caller went away, or did not read, or send, for too long."""

    code = "CANCELLED"
    reason = ErrorReason.CALLER_GONE

    def __init__(self, what: str = "did not read") -> None:
        super().__init__(f"The caller {what} for too long, so the call was ended.")


class UnknownError(FunlandError):
    """Code that is not Funland's own went wrong."""

    code = "UNKNOWN"


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
