"""Whether the first pass waits for more texts, and how long."""

from __future__ import annotations

import pytest

from funland_worker.gathering import Gathering


def after(seconds: float, *, together: int = 1) -> Gathering:
    """A model whose steps take so long, and to which so many texts came the last time."""
    gathering = Gathering()
    gathering.measured(seconds)
    gathering.came(together)
    return gathering


def test_before_a_step_was_measured_nothing_waits() -> None:
    gathering = Gathering()
    gathering.came(8)

    assert gathering.patience(1, waited=0, quiet=0, reading=True) <= 0
    assert gathering.patience(1, waited=0, quiet=0, reading=False) <= 0


def test_a_text_that_comes_alone_as_before_does_not_wait() -> None:
    assert after(0.8).patience(1, waited=0, quiet=0, reading=False) <= 0


def test_a_text_waits_for_others_that_are_being_read() -> None:
    assert after(0.8).patience(1, waited=0, quiet=0, reading=True) == pytest.approx(0.1)
    assert after(0.8).patience(1, waited=0.19, quiet=0.19, reading=True) == pytest.approx(0.01)


def test_where_several_came_together_each_waits_a_little_for_a_next() -> None:
    several = after(0.8, together=2)

    assert several.patience(1, waited=0, quiet=0, reading=False) == pytest.approx(0.1)
    assert several.patience(3, waited=0.3, quiet=0.02, reading=False) == pytest.approx(0.08)
    assert several.patience(3, waited=0.3, quiet=0.1, reading=False) <= 0


@pytest.mark.parametrize("reading", [False, True])
@pytest.mark.parametrize("texts", [1, 4])
def test_nobody_waits_longer_than_a_quarter_of_a_step_for_each(texts: int, reading: bool) -> None:
    several = after(0.8, together=9)

    assert several.patience(texts, waited=0.2 * texts, quiet=0, reading=reading) <= 0


def test_one_slow_step_counts_for_a_part() -> None:
    gathering = after(0.8)

    gathering.measured(1.6)

    assert gathering.patience(1, waited=0, quiet=0, reading=True) == pytest.approx(0.125)
