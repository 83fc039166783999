"""What is heard next of what was said, and what is told of it."""

from __future__ import annotations

import pytest

from funland_worker.hearing.live.agreeing import agreed
from funland_worker.hearing.live.deciding import Action, Moment, has_room, next_action


@pytest.mark.parametrize(
    ("moment", "action"),
    [
        (Moment(0, over=False, partials=True), Action.WAIT),
        (Moment(0, over=True, partials=True), Action.END),
        (Moment(1, over=False, partials=True), Action.UTTERANCE),
        (Moment(2, over=True, partials=False), Action.UTTERANCE),
        (Moment(0, over=False, partials=True, open_seconds=0.5), Action.WAIT),
        (Moment(0, over=False, partials=True, open_seconds=0.6), Action.PARTIAL),
        (Moment(0, over=False, partials=False, open_seconds=20), Action.WAIT),
        (Moment(1, over=False, partials=True, open_seconds=20), Action.UTTERANCE),
        (Moment(0, over=True, partials=True, open_seconds=20), Action.END),
        (Moment(0, False, True, open_seconds=5, heard_seconds=4.5), Action.WAIT),
        (Moment(0, False, True, open_seconds=5, heard_seconds=4.25), Action.PARTIAL),
        # What takes long is done more rarely: the half of the time is for others.
        (Moment(0, False, True, 5, heard_seconds=4, took_seconds=0.6), Action.WAIT),
        (Moment(0, False, True, 5.5, heard_seconds=4, took_seconds=0.6), Action.PARTIAL),
    ],
)
def test_what_is_heard_next(moment: Moment, action: Action) -> None:
    assert next_action(moment) is action


@pytest.mark.parametrize(("seconds", "room"), [(0, True), (29.9, True), (30, False), (90, False)])
def test_there_is_room_for_half_a_minute(seconds: float, room: bool) -> None:
    assert has_room(seconds) is room


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("", "She bought three", ""),
        ("She bought three", "She bought three apples", "She bought three"),
        ("She bought tree", "She bought three apples", "She bought"),
        ("She bought three apples.", "She bought three apples and", "She bought three apples"),
        ("the train", "The train leaves", "The train"),
        ("A train", "The train", ""),
        ("She bought three apples", "She bought", "She bought"),
        ("one - two", "one - two three", "one - two"),
        ("one - two", "one, two three", "one,"),
    ],
)
def test_what_two_hypotheses_agree_on_is_told_as_the_later_has_it(
    before: str, now: str, told: str
) -> None:
    assert agreed(before, now, spaced=True) == told


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ("今天天气", "今天天气很好", "今天天气"),
        ("今天天汽", "今天天气很好", "今天天"),
        ("", "今", ""),
    ],
)
def test_where_no_spaces_are_characters_are_compared(before: str, now: str, told: str) -> None:
    assert agreed(before, now, spaced=False) == told
