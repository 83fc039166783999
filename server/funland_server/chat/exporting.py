"""Sessions as documents: JSON for programs, Markdown for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import Session, SessionMessage

_WIDE: Final = (
    FieldDescriptor.TYPE_INT64,
    FieldDescriptor.TYPE_UINT64,
    FieldDescriptor.TYPE_SINT64,
    FieldDescriptor.TYPE_FIXED64,
    FieldDescriptor.TYPE_SFIXED64,
)
_SPEAKERS: Final[Mapping[Message.Role.ValueType, str]] = {
    Message.USER: "User",
    Message.ASSISTANT: "Assistant",
    Message.TOOL: "Function",
    Message.SYSTEM: "System",
}
_NOTES: Final[Mapping[SessionMessage.State.ValueType, str]] = {
    SessionMessage.IN_PROGRESS: "is being written",
    SessionMessage.INCOMPLETE: "incomplete",
    SessionMessage.CANCELLED: "cancelled",
    SessionMessage.FAILED: "failed",
    SessionMessage.CUT_OFF: "cut off",
}
_FENCE: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})(.*)$")
_TICKS: Final = re.compile(r"`{3,}")


_SHOWN: Final[Mapping[str, str]] = {"image": "*(a picture)*", "audio": "*(a sound)*"}


def as_json(session: Session, messages: Sequence[SessionMessage]) -> bytes:
    """A session and its messages as the contract's JSON has them."""
    document = {"session": _values(session), "messages": [_values(one) for one in messages]}
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def as_markdown(session: Session, messages: Sequence[SessionMessage]) -> bytes:
    """The messages of a branch to read: what was said, by whom."""
    blocks = [f"# {_line(session.title) or 'Untitled'}"]
    if session.system_message:
        blocks += ["## System", _closed(session.system_message)]
    for one in messages:
        blocks += _blocks(one)
    return ("\n\n".join(blocks) + "\n").encode()


def _blocks(one: SessionMessage) -> Iterator[str]:
    message = one.message
    speaker = _SPEAKERS.get(message.role, "Message")
    name = f" ({_line(message.name)})" if message.name else ""
    yield f"## {speaker}{name}"
    if message.role == Message.TOOL:
        yield _fenced(message.content)
    elif message.content:
        yield _closed(message.content)
    for part in message.parts:
        yield _SHOWN.get(part.WhichOneof("part") or "") or _closed(part.text)
    for call in message.tool_calls:
        yield f"Calls `{_line(call.name)}`:"
        yield _fenced(call.arguments, "json")
    if (note := _NOTES.get(one.state)) is not None:
        yield f"*({note})*"


def _closed(text: str) -> str:
    """A text whose fences are all closed, so that what follows is none of its code."""
    fence = ""
    for line in text.splitlines():
        if (match := _FENCE.match(line)) is None:
            continue
        mark, rest = match[1], match[2]
        if not fence:
            fence = mark
        elif mark[0] == fence[0] and len(mark) >= len(fence) and not rest.strip():
            fence = ""
    return f"{text.strip()}\n{fence}" if fence else text.strip()


def _fenced(text: str, language: str = "") -> str:
    """A text as code, whatever it has of fences itself."""
    longest = max((len(ticks) for ticks in _TICKS.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _values(message: Session | SessionMessage) -> dict[str, Any]:
    values = json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    _widen(values, message.DESCRIPTOR)
    return values


def _widen(values: dict[str, Any], descriptor: Descriptor) -> None:
    """Makes 64-bit numbers numbers, which protobuf's own JSON has as texts."""
    for field in descriptor.fields:
        value = values.get(field.name)
        if value is None or _is_map(field):
            continue
        if field.type in _WIDE:
            values[field.name] = [int(one) for one in value] if field.is_repeated else int(value)
        elif field.message_type is not None:
            for one in value if field.is_repeated else [value]:
                if isinstance(one, dict):  # times are texts
                    _widen(one, field.message_type)  # type: ignore[arg-type]  # made just above


def _is_map(field: FieldDescriptor) -> bool:
    kind = field.message_type
    return kind is not None and kind.GetOptions().map_entry
