"""Where a task stands, in the words that older APIs share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland.v1.tasks_pb2 import Task

_WORDS: Final[Mapping[Task.State.ValueType, str]] = {
    Task.PENDING: "pending",
    Task.PROCESSING: "processing",
    Task.COMPLETED: "completed",
    Task.FAILED: "failed",
    Task.CANCELLED: "cancelled",
}

UNKNOWN: Final = "unknown"
"""The word for what is newer than this gateway."""

STATE_WORDS: Final = (*_WORDS.values(), UNKNOWN)


def state_word(state: Task.State.ValueType) -> str:
    """The word for a state."""
    return _WORDS.get(state, UNKNOWN)
