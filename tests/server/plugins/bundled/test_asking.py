"""How much of a text a model can read is found out."""

from __future__ import annotations

import pytest

from funland_plugin import Answer
from funland_plugin.bundled.asking import (
    LEAST_CHARACTERS,
    MOST_CHARACTERS,
    NoRoomError,
    Question,
    TooLongError,
    by_parts,
    with_room,
)

TEXT = "A cat sat on a mat. " * 2000


@pytest.mark.parametrize("reads", [LEAST_CHARACTERS, 777, 5000, MOST_CHARACTERS, len(TEXT)])
def test_all_of_a_text_is_read_in_its_order_in_parts_that_are_not_too_small(reads: int) -> None:
    def ask(texts: list[str]) -> list[str]:
        if any(len(text) > reads for text in texts):
            raise TooLongError
        return texts

    found = by_parts(TEXT, ask)

    assert "".join(found) == TEXT
    assert len(found) <= len(TEXT) // max(min(reads, MOST_CHARACTERS) // 2 - 20, 80) + 1


def test_a_part_that_is_too_long_is_told_before_others_are_asked_about() -> None:
    asked: list[int] = []

    def ask(texts: list[str]) -> list[str]:
        asked.append(len(texts))
        if len(asked) == 1:
            raise TooLongError
        return texts

    by_parts(TEXT, ask)

    assert asked[:2] == [1, 1]
    assert len(asked) == 3


def test_parts_do_not_shrink_for_ever() -> None:
    def ask(_: list[str]) -> list[str]:
        raise TooLongError

    with pytest.raises(NoRoomError):
        by_parts(TEXT, ask)


def answer(written: int, *, cut: bool) -> Answer:
    return Answer("x", "m", tokens=100 + written, written_tokens=written, cut=cut)


@pytest.mark.parametrize(
    ("written", "cut", "characters", "room"),
    [
        (20, False, 5000, True),
        (40, True, 5000, True),
        (20, True, 5000, False),
        (20, True, LEAST_CHARACTERS, True),
    ],
)
def test_an_answer_that_was_cut_before_its_limit_had_no_room(
    written: int, cut: bool, characters: int, room: bool
) -> None:
    answers, question = [answer(written, cut=cut)], Question("", max_tokens=40)

    if room:
        assert with_room(answers, ["x" * characters], question) == answers
    else:
        with pytest.raises(TooLongError):
            with_room(answers, ["x" * characters], question)
