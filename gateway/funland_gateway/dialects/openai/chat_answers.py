"""The answers of `/v1/chat/completions`, whole and as the choices of chunks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import ChatResponse, Delta, Message, ToolCall, ToolCallDelta
from funland_gateway.dialects.dialect import Reply, json_reply
from funland_gateway.dialects.finish import FINISH_REASONS
from funland_gateway.dialects.openai.answers import Choice, head, usage
from funland_gateway.dialects.openai.callees import Callee, Callees, callee
from funland_gateway.dialects.openai.free_form import FreeText, free_text
from funland_gateway.dialects.openai.logprobs import chat_logprobs
from funland_gateway.dialects.openai.timings import devices_of, timings_of

ID_PREFIX: Final = "chatcmpl-"


@dataclass(frozen=True, slots=True)
class Shape:
    """What an answer has by its request's wish."""

    logprobs: bool = False
    legacy: bool = False
    """With a `function_call`, as the request had `functions`."""
    callees: Callees = field(default_factory=dict[str, Callee])
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further fields of the answer."""


def completion(created: int, shape: Shape, response: ChatResponse) -> Reply:
    """A whole answer."""
    return json_reply(completion_object(created, shape, response))


def completion_object(created: int, shape: Shape, response: ChatResponse) -> dict[str, Any]:
    """See `completion`."""
    texts = [response, *response.alternatives]
    return {
        **head(ID_PREFIX + response.id, "chat.completion", created, response.model),
        "choices": [
            {
                "index": index,
                "message": message_object(text.message, shape),
                "logprobs": chat_logprobs(text.logprobs) if shape.logprobs else None,
                "finish_reason": _reason(text.finish_reason, shape.legacy),
            }
            for index, text in enumerate(texts)
        ],
        "usage": usage(response.usage),
        **timings_of(response),
        **devices_of(response.device_ids),
        **shape.told,
    }


class ChatChoices:
    """The choices of a chat's chunks."""

    id_prefix: ClassVar[str] = ID_PREFIX
    kind: ClassVar[str] = "chat.completion.chunk"

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._logprobs = shape.logprobs
        self._free: dict[tuple[int, int], FreeText] = {}
        """The calls that take a text, by choice and index."""

    def first(self, index: int) -> Choice:
        """See `ChoiceShape`.

        It comes before anything is known of the answer, at once. A content of null is
        llama-server's; OpenAI's "" before a text would be false before a call, where clients that
        put the deltas together must get null, and no client needs it: every later chunk may lack
        the field.
        """
        return _choice(index, {"role": "assistant", "content": None})

    def more(self, index: int, delta: Delta) -> Sequence[Choice]:
        """See `ChoiceShape`."""
        text = delta.text
        if text and not (self._logprobs or delta.reasoning or delta.tool_calls):  # most often
            return (_choice(index, {"content": text}),)
        choices = [_choice(index, part) for part in self._parts(index, delta)]
        if self._logprobs:
            told = chat_logprobs(delta.logprobs)
            if told["content"]:
                choices = choices or [_choice(index, {})]
                within = [choice for choice in choices if "content" in choice["delta"]]
                (within or choices)[0]["logprobs"] = told
        return choices

    def last(self, index: int, reason: int) -> Choice:
        """See `ChoiceShape`."""
        return _choice(index, {}, _reason(reason, self._shape.legacy))

    def _parts(self, index: int, delta: Delta) -> Iterable[dict[str, Any]]:
        """The `delta` of each chunk. Clients read the first call of a chunk alone, or content
        alone where it is beside reasoning; so no chunk has two of these."""
        if delta.reasoning:
            yield _reasoning(delta.reasoning)
        if delta.text:
            yield {"content": delta.text}
        for call in _joined(delta.tool_calls):
            if not self._shape.legacy:
                yield from self._call(index, call)
            elif call.index == 0:  # the older shape has room for one
                yield {"function_call": _function(call)}

    def _call(self, index: int, call: ToolCallDelta) -> Iterable[dict[str, Any]]:
        known = callee(self._shape.callees, call.name)
        place = (index, call.index)
        if known.free_form:
            self._free[place] = FreeText()
        made: dict[str, Any] = {"index": call.index}
        if call.name:
            made |= _head(call.id, known)
        if place not in self._free:
            made["function"] = _function(call, known)
        elif (text := self._free[place].more(call.arguments)) or call.name:
            made["custom"] = {**({"name": known.name} if call.name else {}), "input": text}
        else:
            return
        yield {"tool_calls": [made]}


def message_object(message: Message, shape: Shape) -> dict[str, Any]:
    """A message of the model."""
    calls = [_call(call, callee(shape.callees, call.name)) for call in message.tool_calls]
    made: dict[str, Any] = {
        "role": "assistant",
        "content": None if calls and not message.content else message.content,
        "refusal": None,
    }
    if message.reasoning:
        made |= _reasoning(message.reasoning)
    if calls and shape.legacy:
        made["function_call"] = calls[0]["function"]
    elif calls:
        made["tool_calls"] = calls
    return made


def _reasoning(text: str) -> dict[str, str]:
    """Both names: DeepSeek's and llama-server's, and that of vLLM and OpenRouter."""
    return {"reasoning_content": text, "reasoning": text}


def _call(call: ToolCall, known: Callee) -> dict[str, Any]:
    made = _head(call.id, known)
    if known.free_form:
        return {**made, "custom": {"name": known.name, "input": free_text(call.arguments)}}
    return {**made, "function": {"name": known.name, "arguments": call.arguments}}


def _head(call_id: str, known: Callee) -> dict[str, Any]:
    space = {"namespace": known.namespace} if known.namespace else {}
    return {"id": call_id, "type": "custom" if known.free_form else "function", **space}


def _function(call: ToolCallDelta, known: Callee | None = None) -> dict[str, str]:
    if not call.name:
        return {"arguments": call.arguments}
    return {"name": call.name if known is None else known.name, "arguments": call.arguments}


def _joined(pieces: Iterable[ToolCallDelta]) -> Iterable[ToolCallDelta]:
    """What an event has of each call, together."""
    calls: dict[int, ToolCallDelta] = {}
    for piece in pieces:
        call = calls.get(piece.index)
        if call is None:
            calls[piece.index] = call = ToolCallDelta(index=piece.index)
        call.id = call.id or piece.id
        call.name = call.name or piece.name
        call.arguments += piece.arguments
    return calls.values()


def _reason(reason: int, legacy: bool) -> str | None:
    if legacy and reason == inference_pb2.Finish.TOOL_CALLS:
        return "function_call"
    return FINISH_REASONS.get(reason)  # none: it has not ended


def _choice(index: int, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
