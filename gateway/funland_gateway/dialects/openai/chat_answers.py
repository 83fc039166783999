"""The answers of `/v1/chat/completions`, whole and as the choices of chunks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import ChatResponse, Delta, Message, ToolCall, ToolCallDelta
from funland_gateway.dialects.dialect import Reply, json_reply
from funland_gateway.dialects.finish import FINISH_REASONS
from funland_gateway.dialects.openai.answers import Choice, head, usage
from funland_gateway.dialects.openai.logprobs import chat_logprobs

ID_PREFIX: Final = "chatcmpl-"


def completion(created: int, logprobs: bool, legacy: bool, response: ChatResponse) -> Reply:
    """A whole answer. `legacy`: with a `function_call`, as the request had `functions`."""
    return json_reply(completion_object(created, logprobs, legacy, response))


def completion_object(
    created: int, logprobs: bool, legacy: bool, response: ChatResponse
) -> dict[str, Any]:
    """See `completion`."""
    texts = [response, *response.alternatives]
    return {
        **head(ID_PREFIX + response.id, "chat.completion", created, response.model),
        "choices": [
            {
                "index": index,
                "message": message_object(text.message, legacy),
                "logprobs": chat_logprobs(text.logprobs) if logprobs else None,
                "finish_reason": _reason(text.finish_reason, legacy),
            }
            for index, text in enumerate(texts)
        ],
        "usage": usage(response.usage),
    }


class ChatChoices:
    """The choices of a chat's chunks."""

    id_prefix: ClassVar[str] = ID_PREFIX
    kind: ClassVar[str] = "chat.completion.chunk"

    def __init__(self, logprobs: bool, legacy: bool) -> None:
        self._logprobs = logprobs
        self._legacy = legacy

    def first(self, index: int) -> Choice:
        """See `ChoiceShape`."""
        return _choice(index, {"role": "assistant", "content": ""})

    def more(self, index: int, delta: Delta) -> Choice:
        """See `ChoiceShape`."""
        made: dict[str, Any] = {}
        if delta.text:
            made["content"] = delta.text
        if delta.reasoning:
            made["reasoning_content"] = delta.reasoning
        if delta.tool_calls:
            made.update(_call_deltas(delta.tool_calls, self._legacy))
        choice = _choice(index, made)
        if self._logprobs and delta.logprobs:
            choice["logprobs"] = chat_logprobs(delta.logprobs)
        return choice

    def last(self, index: int, reason: int) -> Choice:
        """See `ChoiceShape`."""
        return _choice(index, {}, _reason(reason, self._legacy))


def message_object(message: Message, legacy: bool = False) -> dict[str, Any]:
    """A message of the model."""
    calls = [_call(call) for call in message.tool_calls]
    made: dict[str, Any] = {
        "role": "assistant",
        "content": None if calls and not message.content else message.content,
        "refusal": None,
    }
    if message.reasoning:
        made["reasoning_content"] = message.reasoning
    if calls and legacy:
        made["function_call"] = calls[0]["function"]
    elif calls:
        made["tool_calls"] = calls
    return made


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": call.arguments}
    return {"id": call.id, "type": "function", "function": function}


def _call_deltas(calls: Iterable[ToolCallDelta], legacy: bool) -> dict[str, Any]:
    deltas = [_call_delta(call) for call in calls]
    return {"function_call": deltas[0]["function"]} if legacy else {"tool_calls": deltas}


def _call_delta(call: ToolCallDelta) -> dict[str, Any]:
    if not call.name:
        return {"index": call.index, "function": {"arguments": call.arguments}}
    function = {"name": call.name, "arguments": call.arguments}
    return {"index": call.index, "id": call.id, "type": "function", "function": function}


def _reason(reason: int, legacy: bool) -> str | None:
    if legacy and reason == inference_pb2.Finish.TOOL_CALLS:
        return "function_call"
    return FINISH_REASONS.get(reason)  # none: it has not ended


def _choice(index: int, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
