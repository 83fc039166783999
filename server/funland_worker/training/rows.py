"""Reads the file of rows: lines of JSON, each a conversation or a text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import orjson

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message
from funland_worker.engines.protocol import EngineError

Row: TypeAlias = list[Message] | str
"""A conversation, or a text that is learnt whole."""

_ROLES: Final = {
    "system": Message.SYSTEM,
    "user": Message.USER,
    "assistant": Message.ASSISTANT,
}


def read_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """The rows with the numbers of their lines, from 1. Lines without anything are passed over.

    Raises:
        EngineError: DATASET_INVALID, with the line's number.
        OSError: There is no such file.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, _row(number, line)


def at_line(number: int, error: EngineError) -> EngineError:
    """The error of a row, with its line's number."""
    told = EngineError(error.reason, f"Line {number}: {error.message}", error.retry_seconds)
    told.metadata = error.metadata
    return told


def invalid(number: int, why: str) -> EngineError:
    """What is wrong with a line."""
    return EngineError(ErrorReason.DATASET_INVALID, f"Line {number} of the rows {why}.")


def _row(number: int, line: bytes) -> Row:
    try:
        told: Any = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise invalid(number, "is not JSON") from error
    row = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    text, messages = row.get("text"), row.get("messages")
    if isinstance(text, str) and messages is None:
        return text
    if isinstance(messages, list) and messages and text is None:
        return [_message(number, one) for one in cast("list[Any]", messages)]
    raise invalid(number, "has neither a text nor messages")


def _message(number: int, told: Any) -> Message:
    message = cast("dict[str, Any]", told) if isinstance(told, dict) else {}
    role, content = message.get("role"), message.get("content")
    if role not in _ROLES or not isinstance(content, str):
        raise invalid(number, f"has a message that is none of {', '.join(_ROLES)} with a content")
    return Message(role=_ROLES[role], content=content)
