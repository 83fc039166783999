"""Anthropic's messages as the contract's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import orjson

from funland.v1.inference_pb2 import Message, MessagePart, ToolCall
from funland_gateway.dialects.anthropic.blocks import (
    blocks,
    joined,
    part_of,
    system_text,
    text_of,
)
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, missing
from funland_gateway.dialects.showing import appended, parts_of, text_part, with_parts

ROLES: Final = ("user", "assistant", "system")

_NOT_TOLD: Final = ("redacted_thinking",)
"""Blocks of an answer that no other model can read."""


def read_messages(body: JsonObject) -> list[Message]:
    """Reads `system` and `messages`. Those that follow one another with the same role are one, as
    Anthropic has it: many templates take no other."""
    messages: list[Message] = []
    if system := system_text(body):
        messages.append(Message(role=Message.SYSTEM, content=system))
    names: dict[str, str] = {}
    for said in body.objects("messages"):
        for message in _messages(said, names):
            if messages and _goes_on(messages[-1], message):
                _append(messages[-1], message)
            else:
                messages.append(message)
    return messages


def continues(messages: list[Message]) -> bool:
    """Whether the answer goes on with the last message, which is the model's own."""
    last = messages[-1] if messages else Message()
    return last.role == Message.ASSISTANT and bool(last.content) and not last.tool_calls


def _messages(said: JsonObject, names: dict[str, str]) -> Iterator[Message]:
    """The messages in one of the request; `names` are those of the functions by their calls."""
    role = said.string("role")
    if role == "assistant":
        answer = _answer(said)
        names |= {call.id: call.name for call in answer.tool_calls}
        yield answer
    elif role == "user":
        yield from _asked(said, names)
    elif role == "system":
        yield Message(role=Message.SYSTEM, content=joined(said))
    else:
        raise invalid(said.path_of("role"), f"must be one of {', '.join(ROLES)}")


def _asked(said: JsonObject, names: dict[str, str]) -> Iterator[Message]:
    parts: list[MessagePart] = []
    for block in blocks(said):
        if block.string("type") != "tool_result":
            parts.append(part_of(block))
            continue
        if parts:
            yield with_parts(Message(role=Message.USER), parts)
            parts = []
        yield _result(block, names)
    if parts:
        yield with_parts(Message(role=Message.USER), parts)


def _result(block: JsonObject, names: dict[str, str]) -> Message:
    """What a function gave; one that gave nothing has no content."""
    call = block.string("tool_use_id")
    parts = [] if block.raw("content") is None else [part_of(one) for one in blocks(block)]
    result = Message(role=Message.TOOL, tool_call_id=call, name=names.get(call, ""))
    with_parts(result, parts)
    if block.boolean("is_error"):
        if result.parts:
            result.parts.insert(0, text_part("Error:"))
        else:
            result.content = f"Error: {result.content}"
    return result


def _answer(said: JsonObject) -> Message:
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[ToolCall] = []
    for block in blocks(said):
        kind = block.string("type")
        if kind == "thinking":
            thoughts.append(block.string("thinking"))
        elif kind == "tool_use":
            calls.append(_call(block))
        elif kind not in _NOT_TOLD:
            texts.append(text_of(block))
    return Message(
        role=Message.ASSISTANT,
        content="\n".join(texts),
        reasoning="\n".join(thoughts),
        tool_calls=calls,
    )


def _call(block: JsonObject) -> ToolCall:
    given = block.raw("input")
    if given is None:
        raise missing(block.path_of("input"))
    if not isinstance(given, dict):
        raise malformed(block.path_of("input"), "an object")
    return ToolCall(
        id=block.string("id"), name=block.string("name"), arguments=orjson.dumps(given).decode()
    )


def _goes_on(last: Message, message: Message) -> bool:
    return last.role == message.role != Message.TOOL


def _append(last: Message, message: Message) -> None:
    if last.parts or message.parts:
        appended(last, parts_of(message))
    else:
        last.content = "\n".join(filter(None, (last.content, message.content)))
    last.reasoning = "\n".join(filter(None, (last.reasoning, message.reasoning)))
    last.tool_calls.extend(message.tool_calls)
