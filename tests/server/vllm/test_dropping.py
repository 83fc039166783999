from __future__ import annotations

import pytest

from funland.v1.inference_pb2 import Message
from funland.worker.v1.worker_pb2 import Conversation
from funland_server.vllm.dropping import fitting
from funland_worker.templates.dropping import cuts, without_oldest

ROLES = {"s": Message.SYSTEM, "u": Message.USER, "a": Message.ASSISTANT, "t": Message.TOOL}


def conversation(roles: str) -> Conversation:
    return Conversation(
        messages=[Message(role=ROLES[role], content=str(place)) for place, role in enumerate(roles)]
    )


@pytest.mark.parametrize("roles", ["u", "uu", "suau", "susau", "uatau", "suatatu", "uaus", "sus"])
@pytest.mark.parametrize("room", [1, 2, 3, 4, 5])
async def test_the_same_messages_leave_as_with_the_built_in_engines(roles: str, room: int) -> None:
    whole = conversation(roles)

    async def fits(shorter: Conversation) -> bool:
        return len(shorter.messages) <= room

    found = await fitting(whole, fits)

    expected = [
        count
        for count in cuts(whole.messages)
        if len(without_oldest(whole.messages, count)) <= room
    ]
    assert (found[1] if found else None) == (expected[0] if expected else None)
    if found is not None:
        assert list(found[0].messages) == without_oldest(whole.messages, found[1])
