"""Reads the `input` of `/v1/responses`: a text, or items that together are messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from funland.v1.inference_pb2 import Message, MessagePart, ToolCall
from funland_gateway.dialects.openai.free_form import free_arguments
from funland_gateway.dialects.openai.tools import Tools
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, missing, unsupported
from funland_gateway.dialects.showing import (
    image_url,
    input_audio,
    kept_picture,
    text_part,
    with_parts,
)

_ROLES: Final = {
    "user": Message.USER,
    "assistant": Message.ASSISTANT,
    "system": Message.SYSTEM,
    "developer": Message.SYSTEM,
}

_TEXT_PARTS: Final = ("input_text", "output_text", "text", "reasoning_text", "summary_text")


def read_input(body: JsonObject, tools: Tools) -> list[Message]:
    """The messages of the request, at least one."""
    value = body.raw("input")
    path = body.path_of("input")
    if value is None or value == []:
        raise missing(path)
    if isinstance(value, str):
        return [Message(role=Message.USER, content=value)]
    if not isinstance(value, list):
        raise malformed(path, "a string or a list of items")
    messages: list[Message] = []
    for item in body.objects("input"):
        kind = item.optional_string("type") or "message"
        read = _ITEMS.get(kind)
        if read is None:
            raise unsupported(item.path_of("type"), f"{kind[:64]!r} is not supported.")
        read(item, messages, tools)
    return messages


def _message(item: JsonObject, messages: list[Message], _tools: Tools) -> None:
    name = item.string("role")
    role = _ROLES.get(name)
    if role is None:
        raise invalid(item.path_of("role"), f"must be one of {', '.join(_ROLES)}")
    if role == Message.USER:
        messages.append(with_parts(Message(role=role), _parts(item, "content")))
        return
    if role != Message.ASSISTANT:
        messages.append(Message(role=role, content=_text(item, "content")))
        return
    last = messages[-1] if messages else None
    if last is None or last.role != role or last.content or last.tool_calls:
        last = _answer(messages)
    # Some clients leave out that of a model that said nothing.
    last.content = "" if item.raw("content") is None else _text(item, "content")


def _function_call(item: JsonObject, messages: list[Message], tools: Tools) -> None:
    _call(item, messages, tools, item.string("arguments"))


def _custom_call(item: JsonObject, messages: list[Message], tools: Tools) -> None:
    _call(item, messages, tools, free_arguments(item.string("input")))


def _call(item: JsonObject, messages: list[Message], tools: Tools, arguments: str) -> None:
    """Calls that stand in a row, and the text before them, are one message of the model."""
    name = tools.told_name(item.optional_string("namespace"), item.string("name"))
    call = ToolCall(id=item.string("call_id"), name=name, arguments=arguments)
    last = messages[-1] if messages else None
    if last is None or last.role != Message.ASSISTANT:
        last = _answer(messages)
    last.tool_calls.append(call)


def _function_output(item: JsonObject, messages: list[Message], _tools: Tools) -> None:
    _output(item, messages, "")


def _custom_output(item: JsonObject, messages: list[Message], tools: Tools) -> None:
    _output(item, messages, tools.free_form())


def _output(item: JsonObject, messages: list[Message], otherwise: str) -> None:
    """The result of a call; `otherwise` is the function's name if the call is in an earlier
    response."""
    call_id = item.string("call_id")
    names = (call.name for message in messages for call in message.tool_calls if call.id == call_id)
    result = Message(role=Message.TOOL, tool_call_id=call_id, name=next(names, otherwise))
    messages.append(with_parts(result, _parts(item, "output")))


def _reasoning(item: JsonObject, messages: list[Message], _tools: Tools) -> None:
    """What the model thought, or at least a summary of it, before what comes next."""
    told = "content" if item.raw("content") else "summary"
    _answer(messages).reasoning = _text(item, told)


def _mcp_call(item: JsonObject, messages: list[Message], _tools: Tools) -> None:
    """A call that the server made, and what came of it."""
    name, identity = item.string("name"), item.string("id")
    call = ToolCall(id=identity, name=name, arguments=item.string("arguments"))
    last = messages[-1] if messages else None
    if last is None or last.role != Message.ASSISTANT:
        last = _answer(messages)
    last.tool_calls.append(call)
    told = item.optional_string("output") or _said(item)
    messages.append(Message(role=Message.TOOL, tool_call_id=identity, name=name, content=told))


def _said(item: JsonObject) -> str:
    """Why a call failed."""
    error = item.object("error")
    if error is None:
        return ""
    content = error.raw("content")
    return content if isinstance(content, str) else error.optional_string("message")


def _nothing(_item: JsonObject, _messages: list[Message], _tools: Tools) -> None:
    """What no model is told."""


def _answer(messages: list[Message]) -> Message:
    messages.append(Message(role=Message.ASSISTANT))
    return messages[-1]


_ITEMS: Final[Mapping[str, Callable[[JsonObject, list[Message], Tools], None]]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_output,
    "custom_tool_call": _custom_call,
    "custom_tool_call_output": _custom_output,
    "reasoning": _reasoning,
    "mcp_call": _mcp_call,
    "mcp_list_tools": _nothing,
}


def _text(item: JsonObject, name: str) -> str:
    """A text, or the texts of its parts, a line each."""
    return "\n".join(part.text for part in _parts(item, name, shows=False))


def _parts(item: JsonObject, name: str, *, shows: bool = True) -> list[MessagePart]:
    """The parts of what is said; with `shows` pictures and sounds may be among them."""
    value = item.raw(name)
    if value is None:
        raise missing(item.path_of(name))
    if isinstance(value, str):
        return [text_part(value)]
    if not isinstance(value, list):
        raise malformed(item.path_of(name), "a string or a list of parts")
    return [_part(part, shows=shows) for part in item.objects(name)]


def _part(part: JsonObject, *, shows: bool) -> MessagePart:
    kind = part.string("type")
    if kind == "refusal":
        return text_part(part.string("refusal"))
    if kind in _TEXT_PARTS:
        return text_part(part.string("text"))
    if not shows or kind not in _SHOWN:
        known = ", ".join((*_TEXT_PARTS, *_SHOWN) if shows else _TEXT_PARTS)
        raise unsupported(part.path_of("type"), f"here may be {known}, not {kind[:64]!r}.")
    return _SHOWN[kind](part)


def _picture(part: JsonObject) -> MessagePart:
    file_id = part.optional_string("file_id")
    return kept_picture(file_id) if file_id else image_url(part)


_SHOWN: Final[Mapping[str, Callable[[JsonObject], MessagePart]]] = {
    "input_image": _picture,
    "input_audio": input_audio,
}
