"""The oldest messages go first, and no result stays without its call."""

from __future__ import annotations

import pytest

from funland.v1.inference_pb2 import Message
from funland_worker.templates.dropping import cuts, without_oldest

ROLES = {"S": Message.SYSTEM, "U": Message.USER, "A": Message.ASSISTANT, "T": Message.TOOL}


def messages(letters: str) -> list[Message]:
    return [Message(role=ROLES[letter], content=str(i)) for i, letter in enumerate(letters)]


@pytest.mark.parametrize(
    ("letters", "shorter"),
    [
        ("U", []),
        ("SU", []),
        ("UAU", ["AU", "U"]),
        ("SUASU", ["SASU", "SSU"]),
        ("UATTAU", ["ATTAU", "AU", "U"]),
        ("UATT", ["ATT"]),
        ("UAUS", ["AUS", "US", "S"]),
    ],
)
def test_what_may_be_left_out(letters: str, shorter: list[str]) -> None:
    whole = messages(letters)
    names = {role: letter for letter, role in ROLES.items()}
    left = [without_oldest(whole, count) for count in cuts(whole)]

    assert ["".join(names[message.role] for message in one) for one in left] == shorter
    for one in left:
        order = [int(message.content) for message in one]
        assert order == sorted(order)
        assert order[-1] == len(letters) - 1
