"""How a call fails: the contract's `Error`, out of a gRPC status and into an HTTP one."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import grpc.aio
import structlog
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation

if TYPE_CHECKING:
    Reason = ErrorReason.ValueType

_M = TypeVar("_M", bound=Message)

_log = structlog.get_logger(__name__)

_DOMAIN = "funland"
_DETAILS_KEY = "grpc-status-details-bin"

_HTTP_BY_CODE = {
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INVALID_ARGUMENT": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "FAILED_PRECONDITION": 400,
    "ABORTED": 409,
    "OUT_OF_RANGE": 400,
    "UNIMPLEMENTED": 501,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DATA_LOSS": 500,
}
# Where HTTP has a word of its own for it.
_HTTP_BY_REASON: dict[Reason, int] = {
    ErrorReason.METHOD_NOT_ALLOWED: 405,
    ErrorReason.BODY_TOO_LARGE: 413,
    ErrorReason.URL_TOO_LONG: 414,
    ErrorReason.CONTENT_UNSUPPORTED: 415,
    ErrorReason.EXPECTATION_UNSUPPORTED: 417,
    ErrorReason.HEADERS_TOO_LARGE: 431,
    ErrorReason.STORAGE_FULL: 507,
    # Clients try a 429 again, here in vain.
    ErrorReason.TEMPLATE_LIMIT: 400,
    ErrorReason.MODEL_TOO_LARGE: 400,
}

# For a status that says no reason: grpc itself made it, on the way or in the server.
_REASON_BY_CODE: dict[str, Reason] = {
    "CANCELLED": ErrorReason.CALLER_GONE,
    "DEADLINE_EXCEEDED": ErrorReason.DEADLINE_PASSED,
    "UNAVAILABLE": ErrorReason.SERVER_UNREACHABLE,
    "UNKNOWN": ErrorReason.INTERNAL_ERROR,
    "INTERNAL": ErrorReason.INTERNAL_ERROR,
}


class CallFailed(Exception):
    """A call that ends with `error` instead of an answer."""

    def __init__(self, error: Error) -> None:
        super().__init__(f"{error.code}: {error.message}")
        self.error = error


def failure(
    code: str,
    reason: Reason,
    message: str,
    *,
    violations: Iterable[tuple[str, str]] = (),
    **metadata: str,
) -> CallFailed:
    """Makes the failure that the gateway itself finds.

    `code` is a canonical status code by name; `violations` are pairs of a field's path and what
    is wrong with it.
    """
    return CallFailed(
        Error(
            code=code,
            reason=reason,
            message=message,
            metadata=metadata,
            field_violations=[
                FieldViolation(field=field, description=description)
                for field, description in violations
            ],
        )
    )


def invalid_field(path: str, problem: str) -> CallFailed:
    """FIELD_INVALID for one field; `problem` goes on where its path ends: "must be a string"."""
    return failure(
        "INVALID_ARGUMENT",
        ErrorReason.FIELD_INVALID,
        f"{path} {problem}.",
        violations=[(path, problem)],
    )


def renamed(error: Error, field_name: Callable[[str], str]) -> Error:
    """The error with the fields of the contract under other names, in its message too."""
    told = Error()
    told.CopyFrom(error)
    for violation in told.field_violations:
        violation.field = field_name(violation.field)
    if told.field_violations:
        named = (f"{each.field}: {each.description}" for each in told.field_violations)
        told.message = "; ".join(named)
    return told


def unforeseen(problem: Exception) -> CallFailed:
    """Turns a defect into INTERNAL_ERROR with an id under which the log has the rest."""
    error_id = uuid.uuid4().hex
    _log.error("unforeseen", error_id=error_id, exc_info=problem)
    return failure(
        "INTERNAL",
        ErrorReason.INTERNAL_ERROR,
        f"An unforeseen error; the log has it under {error_id}.",
        error_id=error_id,
    )


def from_rpc(error: grpc.aio.AioRpcError) -> Error:
    """Reads the `Error` out of a failed RPC's status and its details."""
    code = error.code().name
    status = _status(error)
    found = Error(code=code, message=(status.message if status else error.details()) or code)
    for detail in status.details if status else ():
        _add(found, detail)
    if found.reason == ErrorReason.ERROR_REASON_UNSPECIFIED:
        found.reason = _REASON_BY_CODE.get(code, ErrorReason.ERROR_REASON_UNSPECIFIED)
        if found.reason == ErrorReason.SERVER_UNREACHABLE:
            # grpc's own words tell of sockets and name resolution.
            found.message = "The gateway can't reach the server. Is it running?"
    return found


def reason_name(error: Error) -> str:
    """The reason by name; the status code where there is none, as from a server that is older."""
    return ErrorReason.Name(error.reason) if error.reason else error.code


def http_status(error: Error) -> int:
    """The HTTP status for an error: `google.rpc.Code`'s, or the reason's own."""
    return _HTTP_BY_REASON.get(error.reason) or _HTTP_BY_CODE.get(error.code, 500)


def _status(error: grpc.aio.AioRpcError) -> Status | None:
    metadata: Any = error.trailing_metadata()
    for key, value in metadata or ():
        if key == _DETAILS_KEY:
            try:
                return Status.FromString(value)
            except DecodeError:
                return None
    return None


def _add(found: Error, detail: Any) -> None:
    if info := _unpacked(detail, ErrorInfo()):
        if info.domain == _DOMAIN:
            # A newer server may know reasons that this gateway doesn't.
            value = ErrorReason.DESCRIPTOR.values_by_name.get(info.reason)
            if value is not None:
                found.reason = ErrorReason.Value(info.reason)
            found.metadata.update(info.metadata)
    elif bad := _unpacked(detail, BadRequest()):
        for violation in bad.field_violations:
            found.field_violations.add(field=violation.field, description=violation.description)
    elif retry := _unpacked(detail, RetryInfo()):
        found.retry_delay.CopyFrom(retry.retry_delay)
    elif request := _unpacked(detail, RequestInfo()):
        found.request_id = request.request_id


def _unpacked(detail: Any, message: _M) -> _M | None:
    return message if detail.Unpack(message) else None
