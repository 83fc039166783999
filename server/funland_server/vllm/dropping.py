"""Which messages of a conversation leave that is too long for the context."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from funland.v1.inference_pb2 import Message
from funland.worker.v1.worker_pb2 import Conversation


async def fitting(
    conversation: Conversation, fits: Callable[[Conversation], Awaitable[bool]]
) -> tuple[Conversation, int] | None:
    """The conversation with as few of its oldest messages left out as it takes to fit, and how many
    those are; None if no part of it does. No system message leaves and not the last, and no
    function's result stays without its call."""
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
    """How many messages may go, the fewest first."""
    last = len(conversation.messages) - 1
    may_go = [
        place
        for place, message in enumerate(conversation.messages)
        if message.role != Message.SYSTEM and place != last
    ]
    stays = [*may_go[1:], last]  # the first that stays, for each number of those that go
    return [
        count
        for count, place in enumerate(stays[: len(may_go)], 1)
        if conversation.messages[place].role != Message.TOOL
    ]


def _without(conversation: Conversation, count: int) -> Conversation:
    shorter = Conversation()
    shorter.CopyFrom(conversation)
    last = len(conversation.messages) - 1
    del shorter.messages[:]
    for place, message in enumerate(conversation.messages):
        if count and message.role != Message.SYSTEM and place != last:
            count -= 1
        else:
            shorter.messages.append(message)
    return shorter
