"""What the wire says of a failure becomes an exception with a meaning."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from datetime import timedelta

import grpc
import grpc.aio
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RequestInfo, RetryInfo
from google.rpc.status_pb2 import Status

from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation
from funland_client import FunlandError, errors
from funland_client.status import BY_CODE, BY_REASON, error_from_call, error_from_wire

ADDRESS = "127.0.0.1:50051"


def failed_call(code: grpc.StatusCode, message: str, *details: Message) -> grpc.aio.AioRpcError:
    """Makes what gRPC raises when a server answers with these details."""
    status = Status(code=code.value[0], message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString()))
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, message)


def transport_failure(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    """Makes what gRPC raises of itself."""
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), "refused")


def info(reason: str, metadata: Mapping[str, str] | None = None) -> ErrorInfo:
    return ErrorInfo(reason=reason, domain="funland", metadata=metadata)


def test_an_error_carries_all_that_the_server_said() -> None:
    violation = BadRequest.FieldViolation(field="sampling.top_p", description="at most 1")
    call = failed_call(
        grpc.StatusCode.INVALID_ARGUMENT,
        "sampling.top_p: at most 1",
        info("FIELD_INVALID", {"key": "value"}),
        BadRequest(field_violations=[violation]),
        RetryInfo(retry_delay=Duration(seconds=2)),
        RequestInfo(request_id="abc"),
    )

    error = error_from_call(call, ADDRESS)

    assert type(error) is errors.InvalidRequestError
    assert str(error) == "sampling.top_p: at most 1"
    assert error.reason == "FIELD_INVALID"
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.metadata == {"key": "value"}
    assert error.field_violations == (
        FieldViolation(field="sampling.top_p", description="at most 1"),
    )
    assert error.retry_delay == timedelta(seconds=2)
    assert error.request_id == "abc"


@pytest.mark.parametrize(("reason", "kind"), BY_REASON.items())
def test_a_reason_has_its_class(reason: str, kind: type[FunlandError]) -> None:
    error = error_from_call(failed_call(grpc.StatusCode.UNKNOWN, "no", info(reason)), ADDRESS)

    assert type(error) is kind
    assert error.reason == reason


@pytest.mark.parametrize(("code", "kind"), BY_CODE.items())
def test_a_reason_of_the_future_gets_the_class_of_its_code(
    code: grpc.StatusCode, kind: type[FunlandError]
) -> None:
    error = error_from_call(failed_call(code, "no", info("NOT_YET_KNOWN")), ADDRESS)

    assert type(error) is kind
    assert error.reason == "NOT_YET_KNOWN"


def test_the_table_names_reasons_of_the_contract_only() -> None:
    assert set(BY_REASON) <= set(ErrorReason.keys())


def test_another_domains_reason_is_not_taken_for_funlands() -> None:
    foreign = ErrorInfo(reason="MODEL_NOT_FOUND", domain="example.com")

    error = error_from_call(failed_call(grpc.StatusCode.ABORTED, "no", foreign), ADDRESS)

    assert type(error) is FunlandError
    assert error.reason == ""


def test_a_server_that_does_not_answer_is_unreachable() -> None:
    error = error_from_call(transport_failure(grpc.StatusCode.UNAVAILABLE), ADDRESS)

    assert type(error) is errors.ServerUnreachableError
    assert error.retryable
    assert error.metadata == {"address": ADDRESS}


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ('Failed "execute_batch": (<SendMessageOperation>,)', errors.StreamBrokenError),
        ("something else", errors.InternalError),
    ],
)
def test_a_call_that_ended_while_something_was_sent_is_broken(
    told: str, kind: type[FunlandError]
) -> None:
    nothing = grpc.aio.Metadata()
    call = grpc.aio.AioRpcError(
        grpc.StatusCode.INTERNAL, nothing, nothing, "Internal error from Core", told
    )

    error = error_from_call(call, ADDRESS)

    assert type(error) is kind
    assert error.code is grpc.StatusCode.INTERNAL


def test_a_timeout_of_this_side_is_a_deadline_like_the_servers() -> None:
    error = error_from_call(transport_failure(grpc.StatusCode.DEADLINE_EXCEEDED), ADDRESS)

    assert type(error) is errors.DeadlineExceededError
    assert error.reason == "DEADLINE_PASSED"


def test_details_that_are_not_a_status_are_passed_over() -> None:
    trailers = grpc.aio.Metadata(("grpc-status-details-bin", b"\xff\xff\xff"))
    call = grpc.aio.AioRpcError(grpc.StatusCode.NOT_FOUND, grpc.aio.Metadata(), trailers, "gone")

    error = error_from_call(call, ADDRESS)

    assert type(error) is errors.NotFoundError
    assert str(error) == "gone"


def test_an_error_inside_of_an_answer_is_the_same_exception() -> None:
    error = error_from_wire(
        Error(
            code="NOT_FOUND",
            reason=ErrorReason.MODEL_NOT_FOUND,
            message="No such model.",
            metadata={"model": "x"},
            request_id="abc",
        )
    )

    assert type(error) is errors.ModelNotFoundError
    assert error.code is grpc.StatusCode.NOT_FOUND
    assert error.metadata == {"model": "x"}
    assert error.request_id == "abc"


def test_an_unknown_code_and_reason_inside_of_an_answer_are_still_an_error() -> None:
    error = error_from_wire(Error(code="LATER", message="no"))

    assert type(error) is FunlandError
    assert error.code is grpc.StatusCode.UNKNOWN


def test_the_modules_docstring_draws_every_class() -> None:
    classes = [
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, FunlandError)
    ]

    assert [name for name in classes if name not in (errors.__doc__ or "")] == []
