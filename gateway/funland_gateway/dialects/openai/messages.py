"""The messages of OpenAI's chats."""

from __future__ import annotations

import re
from typing import Final

import orjson

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import Message
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, missing, unsupported

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
_REASONING_FIELD = re.compile(r"(^messages\[\d+\])\.reasoning$")


def read_messages(body: JsonObject) -> list[Message]:
    """Reads `messages`."""
    return [_message(message) for message in body.objects("messages")]


def message_field_name(path: str) -> str:
    """What a request calls the fields of a message and of its calls."""
    return _REASONING_FIELD.sub(r"\1.reasoning_content", _CALL_FIELD.sub(r"\1.function.\2", path))


def _message(message: JsonObject) -> Message:
    name = message.string("role")
    role = _ROLES.get(name)
    if role is None:
        raise invalid(message.path_of("role"), f"must be one of {', '.join(_ROLES)}")
    calls = _calls(message) if role == Message.ASSISTANT else []
    return Message(
        role=role,
        content="" if calls and message.raw("content") is None else _content(message),
        tool_calls=calls,
        tool_call_id=message.string("tool_call_id") if name == "tool" else "",
        name=message.string("name") if name == "function" else message.optional_string("name"),
        reasoning=_reasoning(message) if role == Message.ASSISTANT else "",
    )


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


def _calls(message: JsonObject) -> list[inference_pb2.ToolCall]:
    single = message.object("function_call")
    if single is not None:
        return [_call(single)]
    if not message.raw("tool_calls"):
        return []
    calls: list[inference_pb2.ToolCall] = []
    for item in message.objects("tool_calls"):
        kind = item.optional_string("type") or "function"
        if kind != "function":
            raise unsupported(
                item.path_of("type"), f"only functions are supported, not {kind[:64]!r}."
            )
        called = item.object("function")
        if called is None:
            raise missing(item.path_of("function"))
        calls.append(_call(called, item.optional_string("id")))
    return calls


def _call(called: JsonObject, call_id: str = "") -> inference_pb2.ToolCall:
    arguments = called.raw("arguments")
    if isinstance(arguments, dict):  # as templates and some clients have them
        text = orjson.dumps(arguments).decode()
    else:
        text = called.optional_string("arguments")
    return inference_pb2.ToolCall(id=call_id, name=called.string("name"), arguments=text)


def _reasoning(message: JsonObject) -> str:
    """What the model thought, as DeepSeek and llama-server, or else vLLM, call it."""
    return message.optional_string("reasoning_content") or message.optional_string("reasoning")
