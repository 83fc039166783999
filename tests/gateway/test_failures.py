"""A failed RPC becomes the contract's error, and the error an HTTP status."""

from __future__ import annotations

from typing import Any

import grpc.aio
import pytest
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation
from funland_gateway.failures import from_rpc, http_status, unforeseen

Code = grpc.StatusCode


def rpc_error(code: Code, message: str, *details: Message | bytes) -> grpc.aio.AioRpcError:
    status = Status(code=code.value[0], message=message)
    for detail in details:
        if isinstance(detail, Message):
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
    broken = [detail for detail in details if isinstance(detail, bytes)]
    trailing: Any = (
        [("grpc-status-details-bin", broken[0] if broken else status.SerializeToString())]
        if details
        else []
    )
    return grpc.aio.AioRpcError(
        code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), details=message
    )


def info(reason: str, domain: str = "funland", **metadata: str) -> ErrorInfo:
    return ErrorInfo(reason=reason, domain=domain, metadata=metadata)


def test_all_details_are_read() -> None:
    error = from_rpc(
        rpc_error(
            Code.INVALID_ARGUMENT,
            "Wrong.",
            info("FIELD_INVALID", model="tiny"),
            BadRequest(
                field_violations=[BadRequest.FieldViolation(field="top_p", description="too big")]
            ),
            RetryInfo(retry_delay=Duration(seconds=2)),
            RequestInfo(request_id="abc"),
        )
    )

    assert error == Error(
        code="INVALID_ARGUMENT",
        reason=ErrorReason.FIELD_INVALID,
        message="Wrong.",
        metadata={"model": "tiny"},
        field_violations=[FieldViolation(field="top_p", description="too big")],
        retry_delay=Duration(seconds=2),
        request_id="abc",
    )


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (Code.UNAVAILABLE, "SERVER_UNREACHABLE"),
        (Code.DEADLINE_EXCEEDED, "DEADLINE_PASSED"),
        (Code.CANCELLED, "CALLER_GONE"),
        (Code.UNKNOWN, "INTERNAL_ERROR"),
        (Code.INTERNAL, "INTERNAL_ERROR"),
        (Code.UNIMPLEMENTED, "ERROR_REASON_UNSPECIFIED"),
    ],
)
def test_a_status_without_details_has_the_reason_of_its_code(code: Code, reason: str) -> None:
    error = from_rpc(rpc_error(code, "words"))

    assert (error.code, ErrorReason.Name(error.reason)) == (code.name, reason)
    assert error.message


@pytest.mark.parametrize(
    "detail", [info("FROM_THE_FUTURE"), info("MODEL_NOT_FOUND", domain="other"), b"\xff broken"]
)
def test_a_reason_that_is_not_known_does_no_harm(detail: Message | bytes) -> None:
    error = from_rpc(rpc_error(Code.NOT_FOUND, "Gone.", detail))

    assert (error.code, error.message) == ("NOT_FOUND", "Gone.")
    assert error.reason == ErrorReason.ERROR_REASON_UNSPECIFIED


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_every_code_has_an_http_status(code: Code) -> None:
    assert 400 <= http_status(Error(code=code.name)) < 600
    assert (http_status(Error(code=code.name)) >= 500) == (
        code.name
        in {
            "UNKNOWN",
            "DEADLINE_EXCEEDED",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
        }
    )


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        ("INVALID_ARGUMENT", ErrorReason.FIELD_INVALID, 400),
        ("INVALID_ARGUMENT", ErrorReason.BODY_TOO_LARGE, 413),
        ("UNIMPLEMENTED", ErrorReason.METHOD_NOT_ALLOWED, 405),
        ("PERMISSION_DENIED", ErrorReason.HOST_NOT_ALLOWED, 403),
        ("RESOURCE_EXHAUSTED", ErrorReason.TEMPLATE_LIMIT, 400),
        ("FAILED_PRECONDITION", ErrorReason.MODEL_CANNOT_CHAT, 400),
        ("CANCELLED", ErrorReason.CALLER_GONE, 499),
    ],
)
def test_http_has_its_own_word_for_some_reasons(
    code: str, reason: ErrorReason.ValueType, status: int
) -> None:
    assert http_status(Error(code=code, reason=reason)) == status


def test_a_defect_tells_its_id_and_nothing_else() -> None:
    with structlog.testing.capture_logs() as logs:
        failed = unforeseen(RuntimeError("the secret"))

    error_id = failed.error.metadata["error_id"]
    assert "secret" not in str(failed.error)
    assert error_id in failed.error.message
    assert logs[0]["error_id"] == error_id
    assert "secret" in str(logs[0]["exc_info"])
