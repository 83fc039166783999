"""How windows are chosen and cut."""

from __future__ import annotations

import pytest

from funland_worker.hearing.windows import Cut, cut, window_seconds

FIRST = 1000
A, B, C = 11, 12, 13


def at(token: int) -> float:
    return (token - FIRST) * 0.02


def time(seconds: float) -> int:
    return FIRST + round(seconds * 50)


@pytest.mark.parametrize(
    ("sound", "seconds"),
    [(0.1, 5), (4, 5), (4.1, 10), (9, 10), (14, 15), (19, 20), (19.5, 30), (29.9, 30), (30, 30)],
)
def test_a_short_sound_gets_a_short_window_with_room_behind(sound: float, seconds: float) -> None:
    assert window_seconds(sound, whole=False) == seconds
    assert window_seconds(sound, whole=True) == 30


@pytest.mark.parametrize(
    ("tokens", "sound", "last", "cuts", "covered"),
    [
        # Two whole segments, the second ends the window: what follows is silence.
        (
            [time(0), A, time(4), time(4), B, time(9)], 30, False,
            [Cut(0, 4, (A,)), Cut(4, 9, (B,))], 30,
        ),
        # The second goes on behind the window: it is heard again from where it begins.
        ([time(0), A, time(4), time(5), B, C], 30, False, [Cut(0, 4, (A,))], 4),
        ([time(0), A, time(4), time(5), B, C], 20, True, [Cut(0, 4, (A,)), Cut(5, 20, (B, C))], 20),
        # One without an end, and one without any time.
        ([time(1), A, B], 30, False, [Cut(1, 30, (A, B))], 30),
        ([A, B], 7, True, [Cut(0, 7, (A, B))], 7),
        # One that ends in the padding.
        ([time(0), A, time(9)], 4, True, [Cut(0, 4, (A,))], 4),
        # Nothing at all; and times alone.
        ([], 30, False, [], 30),
        ([time(0), time(0), time(3), time(3)], 30, False, [], 3),
        # No progress would be made.
        ([time(0), time(0), A], 30, False, [], 30),
    ],
)  # fmt: skip
def test_segments_are_cut_at_timestamps(
    tokens: list[int], sound: float, last: bool, cuts: list[Cut], covered: float
) -> None:
    assert cut(tokens, FIRST, at, sound, last=last) == (cuts, pytest.approx(covered))
