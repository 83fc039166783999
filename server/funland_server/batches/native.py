"""Lines in the contract's own shape: the JSON of its messages, as the native REST has it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from google.protobuf import json_format
from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import ChatRequest, EmbedRequest, GenerateRequest
from funland_server.batches.lines import Refused, Request
from funland_server.errors import FieldInvalidError, Violation

_REQUESTS: Final[Mapping[str, type[ChatRequest] | type[GenerateRequest] | type[EmbedRequest]]] = {
    "/funland/v1/chat": ChatRequest,
    "/funland/v1/generate": GenerateRequest,
    "/funland/v1/embed": EmbedRequest,
}

_STATUS: Final[Mapping[str, int]] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""As the canonical codes are told over HTTP; all others are 500."""


@dataclass(frozen=True, slots=True)
class NativeAsked:
    """See `Asked`."""

    request: Request

    def answer(self, response: Message) -> bytes:
        """See `Asked`."""
        return _json(response)

    def failure(self, error: Error) -> tuple[int, bytes]:
        """See `Asked`."""
        return _STATUS.get(error.code, 500), b'{"error":%b}' % _json(error)


class NativeLines:
    """See `Lines`."""

    @property
    def endpoints(self) -> Collection[str]:
        """See `Lines`."""
        return _REQUESTS

    def read(self, endpoint: str, body: Mapping[str, Any]) -> NativeAsked:
        """See `Lines`."""
        request = _REQUESTS[endpoint]()
        asked = NativeAsked(request)
        try:
            json_format.ParseDict(dict(body), request)
        except json_format.ParseError as problem:
            error = FieldInvalidError([Violation("body", str(problem))])
            raise Refused(*asked.failure(error.to_wire())) from problem
        return asked


def _json(message: Message) -> bytes:
    return orjson.dumps(
        json_format.MessageToDict(
            message,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
    )
