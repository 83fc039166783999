"""Anthropic's answers, whole: https://platform.claude.com/docs/en/api/messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import orjson

from funland.v1.inference_pb2 import ApplyTemplateResponse, ChatResponse, Finish, ToolCall, Usage
from funland_gateway.dialects.dialect import Reply, json_reply

Block = dict[str, Any]

_ID_PREFIX: Final = "msg_"
_REASONS: Final[Mapping[int, str]] = {
    Finish.STOP: "end_turn",
    Finish.LENGTH: "max_tokens",
    Finish.TOOL_CALLS: "tool_use",
}
STOP_REASONS: Final = (*_REASONS.values(), "stop_sequence")


def message(tells_thoughts: bool, response: ChatResponse) -> Reply:
    """A whole answer."""
    said = response.message
    content = list(_blocks(said.reasoning if tells_thoughts else "", said.content))
    content += [block for call in said.tool_calls for block in _call(call)]
    return json_reply(
        {
            **head(response.id, response.model, usage(response.usage)),
            "content": content,
            **stopped(response.finish_reason, response.stop),
        }
    )


def head(call_id: str, model: str, used: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of which nothing has come."""
    return {
        "id": _ID_PREFIX + call_id,
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": used,
    }


def stopped(reason: int, stop: str) -> dict[str, Any]:
    """Why an answer ended."""
    if stop and reason == Finish.STOP:
        return {"stop_reason": "stop_sequence", "stop_sequence": stop}
    return {"stop_reason": _REASONS.get(reason), "stop_sequence": None}


def usage(tokens: Usage) -> dict[str, Any]:
    """What an answer took. Those that the cache had are not counted with the others of the prompt,
    as Anthropic has it; what it calls the creation of a cache costs nothing here."""
    return {
        **prompt_usage(tokens.prompt_tokens, tokens.cached_prompt_tokens),
        "output_tokens": tokens.completion_tokens,
        "output_tokens_details": {"thinking_tokens": tokens.reasoning_tokens},
    }


def prompt_usage(total: int, cached: int) -> dict[str, Any]:
    """What a prompt took; see `usage`."""
    return {
        "input_tokens": total - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
    }


def text_block(text: str = "") -> Block:
    """What the model said."""
    return {"type": "text", "text": text}


def thinking_block(text: str = "") -> Block:
    """What the model thought. A signature would be Anthropic's word that it was its own model."""
    return {"type": "thinking", "thinking": text, "signature": ""}


def tool_block(call: str, name: str, given: object) -> Block:
    """A call that the model asks for."""
    return {"type": "tool_use", "id": call, "name": name, "input": given}


def counted(response: ApplyTemplateResponse) -> Reply:
    """How many tokens a request has."""
    return json_reply({"input_tokens": len(response.tokens)})


def _blocks(thought: str, said: str) -> Iterator[Block]:
    if thought:
        yield thinking_block(thought)
    if said:
        yield text_block(said)


def _call(call: ToolCall) -> Iterator[Block]:
    """The call's block; none of one that was cut off, for half of its arguments are others."""
    try:
        given: object = orjson.loads(call.arguments or "{}")
    except orjson.JSONDecodeError:
        return
    if isinstance(given, dict):
        yield tool_block(call.id, call.name, cast("object", given))
