"""Each dialect says what failed in its own words."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation
from funland_gateway.app import spoken
from funland_gateway.dialects.inference.errors import ENVELOPE as INFERENCE
from funland_gateway.dialects.openai.errors import error_body as openai_body


def wrong(field: str, reason: ErrorReason.ValueType = ErrorReason.FIELD_INVALID) -> Error:
    return Error(
        code="INVALID_ARGUMENT",
        reason=reason,
        message="No.",
        field_violations=[FieldViolation(field=field, description="must be better")],
    )


@pytest.mark.parametrize(
    ("error", "kind", "code", "param"),
    [
        (wrong("temperature"), "invalid_request_error", "invalid_value", "temperature"),
        (
            wrong("stop[1]", ErrorReason.BODY_MALFORMED),
            "invalid_request_error",
            "invalid_type",
            "stop[1]",
        ),
        (
            Error(code="INVALID_ARGUMENT", reason=ErrorReason.BODY_MALFORMED),
            "invalid_request_error",
            None,
            None,
        ),
        (
            Error(
                code="INVALID_ARGUMENT",
                reason=ErrorReason.PARAMETER_UNSUPPORTED,
                metadata={"parameter": "n"},
            ),
            "invalid_request_error",
            "unsupported_parameter",
            "n",
        ),
        (
            Error(code="NOT_FOUND", reason=ErrorReason.MODEL_NOT_FOUND),
            "invalid_request_error",
            "model_not_found",
            "model",
        ),
        (
            Error(code="INVALID_ARGUMENT", reason=ErrorReason.PROMPT_TOO_LONG),
            "invalid_request_error",
            "context_length_exceeded",
            None,
        ),
        (
            Error(code="FAILED_PRECONDITION", reason=ErrorReason.MODEL_CANNOT_CHAT),
            "invalid_request_error",
            "model_cannot_chat",
            None,
        ),
        (
            Error(code="RESOURCE_EXHAUSTED", reason=ErrorReason.TEMPLATE_LIMIT),
            "invalid_request_error",
            "template_limit",
            None,
        ),
        (
            Error(code="RESOURCE_EXHAUSTED"),
            "rate_limit_error",
            "rate_limit_exceeded",
            None,
        ),
        (
            Error(code="UNAVAILABLE", reason=ErrorReason.WORKER_LOST),
            "server_error",
            "worker_lost",
            None,
        ),
        (
            Error(code="INTERNAL", reason=ErrorReason.INTERNAL_ERROR),
            "server_error",
            "internal_error",
            None,
        ),
        (
            Error(code="NOT_FOUND", reason=ErrorReason.ROUTE_NOT_FOUND),
            "invalid_request_error",
            "unknown_url",
            None,
        ),
    ],
)
def test_openais_body(error: Error, kind: str, code: str | None, param: str | None) -> None:
    assert openai_body(error) == {
        "error": {"message": error.message, "type": kind, "param": param, "code": code}
    }


def test_a_prompt_that_is_too_long_is_told_in_words_and_numbers_that_clients_know() -> None:
    lengths = {"prompt_tokens": "1300", "context_length": "1024", "parameter": "messages"}
    error = Error(
        code="INVALID_ARGUMENT",
        reason=ErrorReason.PROMPT_TOO_LONG,
        message="The prompt has 1300 tokens.",
        metadata=lengths,
    )

    told = openai_body(error)["error"]

    assert "This model's maximum context length is 1024 tokens" in told["message"]
    assert "prompt is too long: 1300 tokens" in told["message"]
    assert (told["code"], told["param"]) == ("context_length_exceeded", "messages")
    assert (told["n_ctx"], told["n_prompt_tokens"]) == (1024, 1300)


@pytest.mark.parametrize("lengths", [{}, {"prompt_tokens": "9"}, {"context_length": "x"}])
def test_lengths_that_are_not_known_are_not_made_up(lengths: dict[str, str]) -> None:
    reason = ErrorReason.PROMPT_TOO_LONG
    error = Error(code="INVALID_ARGUMENT", reason=reason, message="Too long.", metadata=lengths)

    told = openai_body(error)["error"]

    assert told["message"] == "Too long."
    assert "n_ctx" not in told


@pytest.mark.parametrize(
    ("error", "code", "details"),
    [
        (wrong("max_tokens"), "FIELD_INVALID", "max_tokens: must be better"),
        (
            Error(
                code="NOT_FOUND", reason=ErrorReason.MODEL_NOT_FOUND, metadata={"model": "ghost"}
            ),
            "MODEL_NOT_FOUND",
            "model: ghost",
        ),
        (Error(code="UNAVAILABLE", reason=ErrorReason.SERVER_STOPPING), "SERVER_STOPPING", ""),
    ],
)
def test_inferences_body(error: Error, code: str, details: str) -> None:
    body: dict[str, Any] = {
        "error": {"code": code, "message": error.message, "details": details},
    }

    assert INFERENCE.failure(error) == body
    assert INFERENCE.stream_failure(error) == {**body, "finished": True}


@pytest.mark.parametrize("reason", ErrorReason.values())
def test_every_reason_has_a_body_in_every_dialect(reason: ErrorReason.ValueType) -> None:
    for dialect in spoken():
        assert dialect.envelope.failure(Error(code="INTERNAL", reason=reason))
