"""The messages of OpenAI's chats."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import orjson

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import Message
from funland_gateway.dialects.openai.free_form import free_arguments
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, missing, unsupported

ToldName = Callable[[str, str], str]
"""What the model is told for the function of a namespace and a name."""

_ROLES: Final = {
    "system": Message.SYSTEM,
    "developer": Message.SYSTEM,
    "user": Message.USER,
    "assistant": Message.ASSISTANT,
    "tool": Message.TOOL,
    "function": Message.TOOL,
}

ROLES: Final = tuple(_ROLES)

_CALL_FIELD = re.compile(r"(\.tool_calls\[\d+\])\.(name|arguments)$")
_CALL_KINDS: Final = ("function", "custom")
_REASONING_FIELD = re.compile(r"(^messages\[\d+\])\.reasoning$")


def read_messages(body: JsonObject, told_name: ToldName) -> list[Message]:
    """Reads `messages`."""
    return [_message(message, told_name) for message in body.objects("messages")]


def message_field_name(path: str) -> str:
    """What a request calls the fields of a message and of its calls."""
    return _REASONING_FIELD.sub(r"\1.reasoning_content", _CALL_FIELD.sub(r"\1.function.\2", path))


def _message(message: JsonObject, told_name: ToldName) -> Message:
    name = message.string("role")
    role = _ROLES.get(name)
    if role is None:
        raise invalid(message.path_of("role"), f"must be one of {', '.join(_ROLES)}")
    answers = role == Message.ASSISTANT
    return Message(
        role=role,
        content=_answer(message) if answers else _content(message),
        tool_calls=_calls(message, told_name) if answers else [],
        tool_call_id=message.string("tool_call_id") if name == "tool" else "",
        name=message.string("name") if name == "function" else message.optional_string("name"),
        reasoning=_reasoning(message) if answers else "",
    )


def _answer(message: JsonObject) -> str:
    """What the model said, be it that it won't. Clients leave out the content of one that said
    nothing, with calls or without."""
    said = "" if message.raw("content") is None else _content(message)
    return said or message.optional_string("refusal")


def _content(message: JsonObject) -> str:
    content = message.raw("content")
    if content is None:
        raise missing(message.path_of("content"))
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise malformed(message.path_of("content"), "a string or a list of parts")
    # A line each, as llama-server and vLLM join them.
    return "\n".join(_part(part) for part in message.objects("content"))


def _part(part: JsonObject) -> str:
    kind = part.string("type")
    if kind not in ("text", "refusal"):
        raise unsupported(part.path_of("type"), f"only text is supported, not {kind[:64]!r}.")
    return part.string(kind)


def _calls(message: JsonObject, told_name: ToldName) -> list[inference_pb2.ToolCall]:
    single = message.object("function_call")
    if single is not None:
        name, arguments = single.string("name"), _arguments(single)
        return [inference_pb2.ToolCall(name=name, arguments=arguments)]
    if not message.raw("tool_calls"):
        return []
    return [_call(item, told_name) for item in message.objects("tool_calls")]


def _call(item: JsonObject, told_name: ToldName) -> inference_pb2.ToolCall:
    kind = item.optional_string("type") or "function"
    if kind not in _CALL_KINDS:
        problem = f"calls are of type function or custom, not {kind[:64]!r}."
        raise unsupported(item.path_of("type"), problem)
    called = item.object(kind)
    if called is None:
        raise missing(item.path_of(kind))
    custom = kind == "custom"
    return inference_pb2.ToolCall(
        id=item.optional_string("id"),
        name=told_name(item.optional_string("namespace"), called.string("name")),
        arguments=free_arguments(called.string("input")) if custom else _arguments(called),
    )


def _arguments(called: JsonObject) -> str:
    arguments = called.raw("arguments")
    if isinstance(arguments, dict):  # as templates and some clients have them
        return orjson.dumps(arguments).decode()
    return called.optional_string("arguments")


def _reasoning(message: JsonObject) -> str:
    """What the model thought, as DeepSeek and llama-server, or else vLLM, call it."""
    return message.optional_string("reasoning_content") or message.optional_string("reasoning")
