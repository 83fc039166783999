"""Reads requests for completions, for the tests of what they ask and answer."""

from __future__ import annotations

from typing import Any

import orjson

from funland.v1.inference_pb2 import GenerateRequest
from funland_gateway.dialects.dialect import Incoming, Reply, Step, Streaming, Together, Unary
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.reading import JsonObject


def read(**body: Any) -> Unary | Streaming | Together:
    return create_completion(Incoming(JsonObject(body), {}, 1_700_000_000))


def parts(call: Unary | Streaming | Together) -> tuple[Streaming, ...]:
    assert not isinstance(call, Unary)
    return call.parts if isinstance(call, Together) else (call,)


def asked(call: Unary | Streaming | Together) -> list[GenerateRequest]:
    """The generations that a call asks for, whichever way."""
    if not isinstance(call, Unary):
        streams: list[Any] = [part.message for part in parts(call)]
        return streams
    message: Any = call.message
    return list(message.requests) if call.rpc.name == "BatchGenerate" else [message]


def choices(reply: Step) -> list[Any]:
    """The choices, whose logprobs OpenAI's own types don't let be null where OpenAI's API does."""
    assert isinstance(reply, Reply)
    return orjson.loads(reply.content)["choices"]
