"""OpenAI's error body: its types, its codes, and the parameter that is to blame."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from funland.v1 import errors_pb2
from funland_gateway.dialects.dialect import Envelope
from funland_gateway.failures import http_status

_CODES: Final[Mapping[int, str]] = {
    errors_pb2.FIELD_INVALID: "invalid_value",
    errors_pb2.PARAMETER_UNSUPPORTED: "unsupported_parameter",
    errors_pb2.PROMPT_TOO_LONG: "context_length_exceeded",
    errors_pb2.ROUTE_NOT_FOUND: "unknown_url",
    errors_pb2.METHOD_NOT_ALLOWED: "method_not_supported",
}
"""Where OpenAI has a code of its own. Elsewhere the reason in lower case is the code."""

_LENGTHS: Final = {"n_prompt_tokens": "prompt_tokens", "n_ctx": "context_length"}

_UNAUTHORIZED: Final = 401
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500


def error_body(error: errors_pb2.Error) -> dict[str, Any]:
    """The body of an HTTP error, and the data of the SSE event that ends a stream."""
    reason = errors_pb2.ErrorReason.Name(error.reason).lower()
    status = http_status(error)
    if status == _TOO_MANY_REQUESTS:
        kind, code = "rate_limit_error", "rate_limit_exceeded"
    elif status == _UNAUTHORIZED:
        kind, code = "invalid_request_error", "invalid_api_key"
    elif status >= _SERVER_ERROR:
        kind, code = "server_error", reason
    elif error.reason == errors_pb2.BODY_MALFORMED:
        # OpenAI has no code for a body that is not JSON at all.
        kind, code = "invalid_request_error", "invalid_type" if error.field_violations else None
    else:
        kind, code = "invalid_request_error", _CODES.get(error.reason, reason)
    return {
        "error": {
            "message": message(error),
            "type": kind,
            "param": _parameter(error),
            "code": code,
            **_lengths(error),
        }
    }


def message(error: errors_pb2.Error) -> str:
    """What is said of an error.

    Of a prompt that is too long it has the words by which clients know it, so as to shorten it or
    ask a model that holds more: the first for LiteLLM and aider, the second for LangChain and
    Claude Code.
    """
    lengths = _lengths(error)
    if not lengths:
        return error.message
    return (
        f"This model's maximum context length is {lengths['n_ctx']} tokens, however the prompt is"
        f" too long: {lengths['n_prompt_tokens']} tokens. Shorten it, or load the model with a"
        " longer context; an answer needs room in it too."
    )


def _lengths(error: errors_pb2.Error) -> dict[str, int]:
    """Of a prompt that is too long, as llama-server tells it: how long it is, and may be."""
    told = {name: error.metadata.get(ours, "") for name, ours in _LENGTHS.items()}
    if error.reason != errors_pb2.PROMPT_TOO_LONG or not all(map(str.isdecimal, told.values())):
        return {}
    return {name: int(length) for name, length in told.items()}


def _parameter(error: errors_pb2.Error) -> str | None:
    if error.field_violations:
        return error.field_violations[0].field
    if error.reason == errors_pb2.MODEL_NOT_FOUND:
        return "model"
    return error.metadata.get("parameter")


ENVELOPE: Final = Envelope(failure=error_body, stream_failure=error_body)
