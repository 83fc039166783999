"""Which of a conversation's messages may be left out, the oldest first."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.inference_pb2 import Message


def cuts(messages: Sequence[Message]) -> list[int]:
    """How many of the oldest messages that are no system messages may be left out, fewest first.

    The last message stays, and a function's result never stays without its call.
    """
    others = [message for message in messages if message.role != Message.SYSTEM]
    if messages[-1].role == Message.SYSTEM:
        others.append(messages[-1])  # what stands before it may all go
    return [place for place in range(1, len(others)) if others[place].role != Message.TOOL]


def without_oldest(messages: Sequence[Message], count: int) -> list[Message]:
    """The messages but for so many of the oldest that are no system messages."""
    left: list[Message] = []
    for message in messages:
        if message.role != Message.SYSTEM and count:
            count -= 1
        else:
            left.append(message)
    return left
