"""Which token may follow, of a vocabulary of three words, an end, marks and six timestamps."""

from __future__ import annotations

import numpy as np
import pytest

from funland_worker.hearing.choosing_tokens import Marks, allowed, chosen, log_softmax

END, NO_TIMES, TIMES = 3, 4, 5
MARKS = Marks(END, NO_TIMES, TIMES, never=(2,), never_first=(0,), latest_first=2)
ALL = np.zeros(11, np.float32)
WORDS = np.array([9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0], np.float32)
"""Where words are far likelier than times."""


def may(scores: np.ndarray, *written: int) -> list[int]:
    """The tokens that may follow."""
    likely = allowed(scores, written, MARKS)
    assert np.exp(likely).sum() == pytest.approx(1, abs=1e-5)
    return [int(token) for token in np.flatnonzero(np.isfinite(likely))]


@pytest.mark.parametrize(
    ("written", "tokens"),
    [
        ((), [5, 6, 7]),  # a time first, and no late one
        ((5,), [0, 1, 3]),  # then text; what may never come does not
        ((7,), [0, 1, 3]),
        ((5, 1), [0, 1, 3, 6, 7, 8, 9, 10]),  # a later time may end it
        ((6, 1, 1), [0, 1, 3, 7, 8, 9, 10]),
        ((5, 1, 7), [3, 7, 8, 9, 10]),  # the end, or where the next begins
        ((5, 1, 7, 7), [0, 1, 3]),
        ((5, 1, 7, 8, 1), [0, 1, 3, 9, 10]),
        ((5, 1, 10), [3, 10]),
        ((5, 1, 9, 10, 1), [0, 1, 3]),  # no time is left
    ],
)
def test_what_may_follow(written: tuple[int, ...], tokens: list[int]) -> None:
    assert may(WORDS if written else ALL, *written) == tokens


def test_where_some_time_is_likelier_than_any_word_a_time_follows() -> None:
    assert may(ALL, 5, 1) == [6, 7, 8, 9, 10]


def test_the_likeliest_is_chosen_and_with_warmth_others_too() -> None:
    likely = log_softmax(np.array([0, 2, 1], np.float32))
    chance = np.random.default_rng(0)

    assert {chosen(likely, 0, chance) for _ in range(50)} == {1}
    assert {chosen(likely, 1, chance) for _ in range(50)} == {0, 1, 2}


def test_what_may_not_come_is_never_chosen_however_warm() -> None:
    likely = allowed(ALL, (5, 1, 10), MARKS)
    chance = np.random.default_rng(0)

    assert {chosen(likely, 1, chance) for _ in range(200)} == {3, 10}
