"""Ids of messages."""

from __future__ import annotations

import uuid


def new_message_id() -> str:
    """An id that no message has."""
    return f"msg_{uuid.uuid4().hex}"
