"""Which messages of a conversation leave that is too long for the context."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from funland.v1.inference_pb2 import Message
from funland.worker.v1.worker_pb2 import Conversation


async def fitting(
    conversation: Conversation, fits: Callable[[Conversation], Awaitable[bool]]
) -> tuple[Conversation, int] | None:
    """The conversation with as few of its oldest turns left out as it takes to fit, and how many
    messages those are; None if no part of it does. No system message leaves and not the last turn.
    """
    found: tuple[Conversation, int] | None = None
    places = _cuts(conversation)
    low, high = 0, len(places)
    while low < high:  # what fits does so with fewer messages too
        middle = (low + high) // 2
        shorter = _without(conversation, places[middle])
        if await fits(shorter):
            found, high = (shorter, places[middle]), middle
        else:
            low = middle + 1
    return found


def _cuts(conversation: Conversation) -> list[int]:
    """How many messages may go, the fewest first: up to where a user speaks again."""
    others = [one for one in conversation.messages if one.role != Message.SYSTEM]
    return [place for place in range(1, len(others)) if others[place].role == Message.USER]


def _without(conversation: Conversation, count: int) -> Conversation:
    shorter = Conversation()
    shorter.CopyFrom(conversation)
    del shorter.messages[:]
    for message in conversation.messages:
        if count and message.role != Message.SYSTEM:
            count -= 1
        else:
            shorter.messages.append(message)
    return shorter
