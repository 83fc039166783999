"""Which cores a model's threads get."""

from __future__ import annotations

import os

import psutil
import pytest

from funland_worker import cores


@pytest.mark.parametrize(("count", "threads"), [(1, 1), (2, 2), (3, 3), (4, 3), (16, 15)])
def test_a_model_may_have_all_cores_but_one_where_there_are_enough(
    count: int, threads: int
) -> None:
    assert cores.most_threads(count) == threads


@pytest.mark.parametrize(
    ("threads", "places"),
    [
        (1, []),
        (2, []),  # the system has a choice
        (3, [2, 4, 6]),  # the first core is for others
        (4, [0, 2, 4, 6]),
        (5, [3, 4, 5, 6, 7]),  # more than cores: both hardware threads of some
        (8, [0, 1, 2, 3, 4, 5, 6, 7]),
        (9, []),  # some would share one
    ],
)
def test_threads_that_need_most_of_four_cores_get_one_each(threads: int, places: list[int]) -> None:
    assert cores.places(threads, (0, 2, 4, 6), (0, 1, 2, 3, 4, 5, 6, 7)) == places


def test_both_of_two_cores_are_given() -> None:
    assert cores.places(2, (4, 5), (4, 5)) == [4, 5]
    assert cores.places(1, (4,), (4,)) == []


def test_the_machines_cores_are_counted_as_the_system_does() -> None:
    assert set(cores.one_of_each()) <= set(cores.allowed())
    assert cores.count() <= (os.cpu_count() or 1)
    if len(cores.allowed()) == os.cpu_count():
        assert cores.count() == psutil.cpu_count(logical=False)
