"""The messages of OpenAI's chats."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import Message, MessagePart
from funland_gateway.dialects.openai.free_form import free_arguments
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, missing, unsupported
from funland_gateway.dialects.showing import image_url, input_audio, text_part, with_parts

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

_SHOWN_BY: Final = (Message.USER, Message.TOOL)
_TEXTS: Final = ("text", "refusal")
_SHOWN: Final[Mapping[str, Callable[[JsonObject], MessagePart]]] = {
    "image_url": image_url,
    "input_audio": input_audio,
}

_CALL_FIELD = re.compile(r"(\.tool_calls\[\d+\])\.(name|arguments)$")
_CALL_KINDS: Final = ("function", "custom")
_SHOWN_FIELD = re.compile(r"(^messages\[\d+\])\.parts(\[\d+\])\.(image|audio)\b.*$")
_REASONING_FIELD = re.compile(r"(^messages\[\d+\])\.reasoning$")


def read_messages(body: JsonObject, told_name: ToldName) -> list[Message]:
    """Reads `messages`."""
    return [_message(message, told_name) for message in body.objects("messages")]


def message_field_name(path: str) -> str:
    """What a request calls the fields of a message and of its calls."""
    if (shown := _SHOWN_FIELD.match(path)) is not None:
        name = "image_url.url" if shown[3] == "image" else "input_audio.data"
        return f"{shown[1]}.content{shown[2]}.{name}"
    return _REASONING_FIELD.sub(r"\1.reasoning_content", _CALL_FIELD.sub(r"\1.function.\2", path))


def _message(message: JsonObject, told_name: ToldName) -> Message:
    name = message.string("role")
    role = _ROLES.get(name)
    if role is None:
        raise invalid(message.path_of("role"), f"must be one of {', '.join(_ROLES)}")
    answers = role == Message.ASSISTANT
    told = Message(
        role=role,
        content=_answer(message) if answers else "",
        tool_calls=_calls(message, told_name) if answers else [],
        tool_call_id=message.string("tool_call_id") if name == "tool" else "",
        name=message.string("name") if name == "function" else message.optional_string("name"),
        reasoning=_reasoning(message) if answers else "",
    )
    return told if answers else with_parts(told, _said(message, shows=role in _SHOWN_BY))


def _answer(message: JsonObject) -> str:
    """What the model said, be it that it won't. Clients leave out the content of one that said
    nothing, with calls or without."""
    parts = [] if message.raw("content") is None else _said(message, shows=False)
    # A line each, as llama-server and vLLM join them.
    said = "\n".join(part.text for part in parts)
    return said or message.optional_string("refusal")


def _said(message: JsonObject, *, shows: bool) -> list[MessagePart]:
    """The parts of a message's content; with `shows` pictures and sounds may be among them."""
    content = message.raw("content")
    if content is None:
        raise missing(message.path_of("content"))
    if isinstance(content, str):
        return [text_part(content)]
    if not isinstance(content, list):
        raise malformed(message.path_of("content"), "a string or a list of parts")
    return [_part(part, shows=shows) for part in message.objects("content")]


def _part(part: JsonObject, *, shows: bool) -> MessagePart:
    kind = part.string("type")
    if kind in _TEXTS:
        return text_part(part.string(kind))
    if not shows or kind not in _SHOWN:
        known = ", ".join((*_TEXTS, *_SHOWN) if shows else _TEXTS)
        raise unsupported(part.path_of("type"), f"here may be {known}, not {kind[:64]!r}.")
    return _SHOWN[kind](part)


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
