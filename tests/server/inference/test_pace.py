"""What generations took is counted without what nobody can know."""

from __future__ import annotations

import pytest

from funland_server.inference.pace import Pace


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_before_anything_was_written_nothing_is_known() -> None:
    pace = Pace()

    with pace.generation() as one:
        one.made(0)

    assert (pace.generations, pace.tokens_per_second) == (0, None)


def test_tokens_count_from_the_first_of_each_on_and_times_that_overlap_once() -> None:
    clock = Clock()
    pace = Pace(clock)

    with pace.generation() as first:
        clock.now = 5  # the prompt is computed
        first.made(1)
        with pace.generation() as second:
            clock.now = 6
            second.made(3)  # guessed right: they came together
            clock.now = 7
            for _ in range(10):
                first.made(1)
                second.made(1)
            second.end()
        clock.now = 9
        first.end()
    clock.now = 100  # nobody writes

    assert pace.generations == 2
    assert pace.seconds == 9 + 2
    assert pace.tokens_per_second == 20 / 4


def test_what_is_cut_off_is_no_generation_that_ended_but_its_tokens_were_made() -> None:
    clock = Clock()
    pace = Pace(clock)

    def cut_off() -> None:
        with pace.generation() as one:
            one.made(1)
            clock.now = 2
            one.made(8)
            raise ConnectionError

    with pytest.raises(ConnectionError):
        cut_off()

    assert (pace.generations, pace.tokens_per_second) == (0, 4.0)


def test_one_token_alone_has_no_pace() -> None:
    clock = Clock()
    pace = Pace(clock)

    with pace.generation() as one:
        clock.now = 2
        one.made(1)
        one.end()

    assert (pace.generations, pace.tokens_per_second) == (1, None)
