"""Turns the errors of the domain into `google.rpc.Status`."""

from __future__ import annotations

import grpc
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import FieldInvalidError, FunlandError

DOMAIN = "funland"

_CODES = {code.value[0]: code for code in grpc.StatusCode}


def to_status(error: FunlandError, request_id: str) -> status_pb2.Status:
    """The status that the caller gets for an error."""
    status = status_pb2.Status(code=code_pb2.Code.Value(error.code), message=error.message)
    info = error_details_pb2.ErrorInfo(
        reason=ErrorReason.Name(error.reason), domain=DOMAIN, metadata=error.metadata
    )
    details: list[Message] = [info, error_details_pb2.RequestInfo(request_id=request_id)]
    if isinstance(error, FieldInvalidError):
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    for detail in details:
        status.details.add().Pack(detail)
    return status


def grpc_code(status: status_pb2.Status) -> grpc.StatusCode:
    """The status's code as grpcio names it."""
    return _CODES[status.code]
