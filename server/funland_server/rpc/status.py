"""Turns the errors of the domain into `google.rpc.Status`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import FunlandError
from funland_server.rpc.request_ids import HEADER
from funland_server.rpc.shortening import Said, fitting

DOMAIN = "funland"


def to_status(error: FunlandError, request_id: str) -> status_pb2.Status:
    """The status that the caller gets for an error."""
    said = fitting(Said(error.message, error.metadata, error.violations))
    status = status_pb2.Status(code=code_pb2.Code.Value(error.code), message=said.message)
    info = error_details_pb2.ErrorInfo(
        reason=ErrorReason.Name(error.reason), domain=DOMAIN, metadata=said.metadata
    )
    details: list[Message] = [info, error_details_pb2.RequestInfo(request_id=request_id)]
    if said.violations:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in said.violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if error.retry_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(timedelta(seconds=error.retry_seconds))
        details.append(retry)
    for detail in details:
        status.details.add().Pack(detail)
    return status


def to_grpc(status: status_pb2.Status, request_id: str) -> Any:
    """The status as grpcio takes it: code, details and trailing metadata, with the call's id."""
    untyped: Any = rpc_status
    converted = untyped.to_status(status)
    metadata = (*converted.trailing_metadata, (HEADER, request_id))
    return converted._replace(trailing_metadata=metadata)
