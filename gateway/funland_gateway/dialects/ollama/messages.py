"""The messages of Ollama's chats, and the calls in them, whose arguments are objects."""

from __future__ import annotations

import re
from typing import Any, Final, cast

import orjson

from funland.v1.inference_pb2 import Message, MessagePart, ToolCall, ToolCallDelta
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, missing, unsupported
from funland_gateway.dialects.showing import picture_of, text_part

_ROLES: Final = {
    "system": Message.SYSTEM,
    "user": Message.USER,
    "assistant": Message.ASSISTANT,
    "tool": Message.TOOL,
}
_SHOWN_BY: Final = (Message.USER, Message.TOOL)
_SHOWN_FIELD: Final = re.compile(r"(^messages\[\d+\])\.parts(\[\d+\])\.image\b.*$")
_CALL_FIELD: Final = re.compile(r"(\.tool_calls\[\d+\])\.(name|arguments)$")
_FIELD: Final = re.compile(r"(^messages\[\d+\])\.(reasoning|name)$")
_OURS: Final = {"reasoning": "thinking", "name": "tool_name"}


def read_messages(body: JsonObject) -> list[Message]:
    """Reads `messages`; none if there are none, which asks for nothing."""
    return [_message(each) for each in body.objects("messages")] if body.raw("messages") else []


def message_field_name(path: str) -> str:
    """What a request calls the fields of a message and of its calls."""
    if (shown := _SHOWN_FIELD.match(path)) is not None:
        return f"{shown[1]}.images{shown[2]}"
    told = _CALL_FIELD.sub(r"\1.function.\2", path)
    return _FIELD.sub(lambda match: f"{match[1]}.{_OURS[match[2]]}", told)


def _message(message: JsonObject) -> Message:
    role = _ROLES.get(message.string("role").lower())
    if role is None:
        raise invalid(message.path_of("role"), f"must be one of {', '.join(_ROLES)}")
    shown = read_images(message)
    if shown and role not in _SHOWN_BY:
        raise unsupported(message.path_of("images"), "users and tools alone show pictures.")
    answers, tells = role == Message.ASSISTANT, role == Message.TOOL
    told = Message(
        role=role,
        content=message.optional_string("content"),
        tool_calls=_calls(message) if answers else [],
        reasoning=message.optional_string("thinking") if answers else "",
        name=message.optional_string("tool_name") if tells else "",
        tool_call_id=message.optional_string("tool_call_id") if tells else "",
    )
    if shown:
        show(told, shown)
    return told


def read_images(holder: JsonObject) -> list[MessagePart]:
    """Reads `images`: pictures in base64."""
    if holder.raw("images") is None:
        return []
    path = holder.path_of("images")
    if not isinstance(holder.raw("images"), list):
        raise malformed(path, "a list of strings")
    images = holder.strings("images")
    return [picture_of(image, f"{path}[{place}]") for place, image in enumerate(images)]


def show(message: Message, pictures: list[MessagePart]) -> None:
    """Puts pictures in front of what a message says, as Ollama does."""
    said = [text_part(message.content)] if message.content else []
    message.content = ""
    message.parts.extend([*pictures, *said])


def _calls(message: JsonObject) -> list[ToolCall]:
    return (
        [_call(each) for each in message.objects("tool_calls")] if message.raw("tool_calls") else []
    )


def _call(call: JsonObject) -> ToolCall:
    function = call.object("function")
    if function is None:
        raise missing(call.path_of("function"))
    arguments = function.object("arguments")
    return ToolCall(
        id=call.optional_string("id"),
        name=function.string("name"),
        arguments="{}" if arguments is None else orjson.dumps(dict(arguments.items())).decode(),
    )


class Calls:
    """Puts the calls of one answer together, of which a stream has pieces and Ollama's has not."""

    def __init__(self) -> None:
        self._pieces: dict[int, ToolCall] = {}

    def add(self, piece: ToolCallDelta) -> None:
        """Takes one more piece."""
        call = self._pieces.setdefault(piece.index, ToolCall())
        call.id = call.id or piece.id
        call.name = call.name or piece.name
        call.arguments += piece.arguments

    def whole(self) -> list[dict[str, Any]]:
        """All of them; see `told_calls`."""
        return told_calls([self._pieces[index] for index in sorted(self._pieces)])


def told_calls(calls: list[ToolCall]) -> list[dict[str, Any]]:
    """The calls of an answer. One that was cut off in its arguments is no object, and so left out:
    the text ended for its length then, as is told."""
    told: list[dict[str, Any]] = []
    for call in calls:
        arguments = _object(call.arguments)
        if arguments is not None:
            function = {"index": len(told), "name": call.name, "arguments": arguments}
            told.append({"id": call.id, "function": function})
    return told


def _object(arguments: str) -> dict[str, Any] | None:
    try:
        value: object = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None
