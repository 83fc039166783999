"""What tests of dialects ask, and read of the answers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.message import Message

from funland.v1.errors_pb2 import Error
from funland_gateway.dialects.dialect import Incoming, Reply, Route, Step, Unary
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

NOW = 1_700_000_000
TOLD_NOW = "2023-11-14T22:13:20Z"


def asked(
    body: dict[str, Any] | None = None,
    path: dict[str, str] | None = None,
    **query: str,
) -> Incoming:
    """A request that came at `NOW`."""
    return Incoming(JsonObject(body or {}), path or {}, NOW, query, "req-1")


def call(route: Route, incoming: Incoming) -> Unary:
    """The route's call of one RPC."""
    described = route.call(incoming)
    assert isinstance(described, Unary)
    return described


def told(call: Unary, *responses: Any) -> Any:
    """The JSON that is answered after these responses, each to the RPC that it takes."""
    step: Step = call
    for response in responses:
        assert isinstance(step, Unary)
        if isinstance(response, Message):
            assert response.DESCRIPTOR is step.rpc.output_type
        step = step.answer(response)
    assert isinstance(step, Reply)
    assert step.content_type == "application/json"
    return orjson.loads(step.content)


def refused(route: Route, incoming: Incoming) -> Error:
    """Why a request is refused before any call."""
    with pytest.raises(CallFailed) as caught:
        route.call(incoming)
    return caught.value.error
