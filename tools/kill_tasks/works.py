"""Tasks of several kinds whose results depend on nothing but what is asked."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from google.protobuf import json_format

from funland.v1.inference_pb2 import (
    ChatRequest,
    EmbedRequest,
    GenerateRequest,
    Message,
    SamplingParameters,
)
from funland.v1.plugins_pb2 import ExecutePluginRequest
from funland.v1.tasks_pb2 import TaskResult, Work

_TOKENS: Final = 60
_VARY: Final = {
    "id", "request_id", "execution_id", "timings", "duration", "cached_prompt_tokens",
}  # fmt: skip


def work(number: int, *, plugins: bool) -> Work:
    """The work of a number: of each kind in turn."""
    sampling = SamplingParameters(temperature=0, max_tokens=_TOKENS, ignore_end=True)
    told = f"Tell me the story number {number}."
    match number % (4 if plugins else 3):
        case 0:
            message = Message(role=Message.USER, content=told)
            return Work(chat=ChatRequest(messages=[message], sampling=sampling))
        case 1:
            return Work(generate=GenerateRequest(prompt=told, sampling=sampling))
        case 2:
            return Work(embed=EmbedRequest(inputs=[f"{told} {part}" for part in range(20)]))
        case _:
            given = json.dumps({"text": told})
            return Work(plugin=ExecutePluginRequest(plugin_id="summarize", input=given))


def essence(result: TaskResult) -> object:
    """What is the same whenever it is made, to the last bit of a vector."""
    return unvarying(json_format.MessageToDict(result, preserving_proto_field_name=True))


def unvarying(told: Any) -> Any:
    """An answer without ids, times, and what the cache had."""
    if isinstance(told, dict):
        members = cast("dict[str, Any]", told)
        return {name: unvarying(one) for name, one in members.items() if name not in _VARY}
    if isinstance(told, list):
        return [unvarying(one) for one in cast("list[Any]", told)]
    return told
