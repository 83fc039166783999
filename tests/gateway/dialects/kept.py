"""A kept response, and calls to it, for the tests of OpenAI's routes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from funland.v1.inference_pb2 import Message, Usage
from funland.v1.responses_pb2 import CreateResponseRequest, Response
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Together, Unary
from funland_gateway.dialects.openai.responses import create_response
from funland_gateway.dialects.reading import JsonObject

ID = "resp_1f"
USAGE = Usage(
    prompt_tokens=5, completion_tokens=4, total_tokens=9, cached_prompt_tokens=3, reasoning_tokens=2
)
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Tells it.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    "strict": True,
}


def incoming(
    body: Mapping[str, Any] | None = None, path: str = ID, query: Mapping[str, str] | None = None
) -> Incoming:
    ids = {"response_id": path, "completion_id": path}
    return Incoming(JsonObject(body or {}), ids, 1_700_000_000, query or {})


def request_of(**body: Any) -> CreateResponseRequest:
    call = create_response(incoming({"input": "Hello", **body}))
    assert isinstance(call.message, CreateResponseRequest)
    return call.message


def answer_of(call: Unary | Streaming | Together, *responses: Any) -> Any:
    """What a call answers when its RPCs, one after the other, answer so."""
    for response in responses:
        assert isinstance(call, Unary)
        step = call.answer(response)
        if isinstance(step, Reply):
            return orjson.loads(step.content)
        assert isinstance(step, Unary | Streaming | Together)
        call = step
    raise AssertionError("It calls more RPCs.")


def complete(**fields: Any) -> Response:
    response = Response(
        response_id=ID,
        state=Response.COMPLETED,
        model="tiny",
        output=Message(role=Message.ASSISTANT, content="Hi"),
        usage=USAGE,
        stored=True,
    )
    response.create_time.FromSeconds(1_700_000_000)
    response.MergeFrom(Response(**fields))
    return response
