"""A model that is lost again and again is started ever later."""

from __future__ import annotations

import pytest

from funland_server.workers.backoff import STEADY_SECONDS, Backoff
from funland_server.workers.errors import ModelBackingOffError


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_loss_costs_no_time_and_each_further_one_twice_the_last() -> None:
    clock = Clock()
    backoff = Backoff(clock)
    pauses: list[float] = []

    for _ in range(12):
        backoff.lost(lived_seconds=0)
        pauses.append(backoff.remaining_seconds)
        clock.now += backoff.remaining_seconds

    assert pauses == [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert backoff.remaining_seconds == 0


def test_a_steady_time_begins_the_count_anew() -> None:
    backoff = Backoff(Clock())
    for _ in range(5):
        backoff.lost(lived_seconds=STEADY_SECONDS - 1)
    assert backoff.remaining_seconds == 8

    clock = Clock()
    backoff = Backoff(clock)
    for _ in range(5):
        backoff.lost(lived_seconds=STEADY_SECONDS)
    assert backoff.remaining_seconds == 0


def test_a_start_before_its_time_is_told_when_to_come_back() -> None:
    backoff = Backoff(Clock())
    backoff.check("m")
    for _ in range(4):
        backoff.lost(lived_seconds=1)

    with pytest.raises(ModelBackingOffError, match="4 times in a row") as raised:
        backoff.check("m")

    assert raised.value.metadata == {"model": "m", "losses": "4"}
    assert raised.value.retry_seconds == 4


def test_after_a_reset_it_may_start() -> None:
    backoff = Backoff(Clock())
    for _ in range(9):
        backoff.lost(lived_seconds=0)

    backoff.reset()

    backoff.check("m")
    backoff.lost(lived_seconds=0)
    assert backoff.remaining_seconds == 0


def test_a_thousand_losses_are_no_overflow() -> None:
    backoff = Backoff(Clock())

    for _ in range(3000):
        backoff.lost(lived_seconds=0)

    assert backoff.remaining_seconds == 300
