"""Reads fields of the contract that may be unset."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message


def optional(message: Message, field: str) -> Any:
    """The field's value; None if it is unset."""
    return getattr(message, field) if message.HasField(field) else None
