"""The oldest turns go first and whole, and as many as last for a while."""

from __future__ import annotations

import pytest

from funland.v1.inference_pb2 import Message
from funland_worker.templates.dropping import cuts, to_leave_out, without_oldest

ROLES = {"S": Message.SYSTEM, "U": Message.USER, "A": Message.ASSISTANT, "T": Message.TOOL}


def messages(letters: str) -> list[Message]:
    return [Message(role=ROLES[letter], content=str(i)) for i, letter in enumerate(letters)]


@pytest.mark.parametrize(
    ("letters", "shorter"),
    [
        ("U", []),
        ("SU", []),
        ("UAU", ["U"]),
        ("SUASU", ["SSU"]),
        ("AUAU", ["UAU", "U"]),
        ("UATTAUAU", ["UAU", "U"]),
        ("UATT", []),
        ("UAUATT", ["UATT"]),
        ("UAUS", ["US"]),
        ("UUU", ["UU", "U"]),
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


@pytest.mark.parametrize(
    ("tokens", "room", "leaves_out"),
    [
        (100, 1, 25),  # one token too many
        (124, 1, 25),
        (125, 1, 50),
        (90, 40, 50),
        (1000, 1, 925),
    ],
)
def test_quarters_of_the_context_are_left_out(tokens: int, room: int, leaves_out: int) -> None:
    assert to_leave_out(tokens, room, context_length=100) == leaves_out


def test_a_tiny_context_has_quarters_too() -> None:
    assert to_leave_out(5, 1, context_length=3) == 3
