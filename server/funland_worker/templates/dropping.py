"""Which of a conversation's turns are left out, the oldest first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from funland.v1.inference_pb2 import Message

_STEPS: Final = 4


def cuts(messages: Sequence[Message]) -> list[int]:
    """How many of the oldest messages that are no system messages may be left out, fewest first.

    They go in turns: what a user says, with all up to what the next one says. The last turn stays.
    """
    others = [message for message in messages if message.role != Message.SYSTEM]
    return [place for place in range(1, len(others)) if others[place].role == Message.USER]


def to_leave_out(tokens: int, room: int, context_length: int) -> int:
    """How many tokens of a conversation that is too long must go for `room` more to fit.

    They are whole quarters of the context, counted from the conversation's beginning. So the next
    turns leave out the same, and begin as this one, which the cache has, until another quarter must
    go. As little as must go would be a little more with each turn, and all be computed anew.
    """
    step = max(1, context_length // _STEPS)
    return math.ceil((tokens + room - context_length) / step) * step


def without_oldest(messages: Sequence[Message], count: int) -> list[Message]:
    """The messages but for so many of the oldest that are no system messages."""
    left: list[Message] = []
    for message in messages:
        if message.role != Message.SYSTEM and count:
            count -= 1
        else:
            left.append(message)
    return left
