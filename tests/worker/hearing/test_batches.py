"""What is computed together, and what becomes of who goes away."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from funland_worker.hearing.batches import Batches, patience, together


@pytest.mark.parametrize(
    ("keys", "places"),
    [(["a"], [0]), (["a", "b", "a", "a"], [0, 2, 3]), (["b", "a", "b", "b", "b"], [0, 2, 3])],
)
def test_those_of_one_key_are_computed_together(keys: list[str], places: list[int]) -> None:
    assert together(keys, most=3) == places


@pytest.mark.parametrize(
    ("ready", "coming", "waited", "step", "seconds"),
    [
        (1, 0, 0.0, 0.2, 0.0),  # nobody else comes
        (8, 3, 0.0, 0.2, 0.0),  # there is no room for more
        (1, 2, 0.0, 0.2, 0.05),
        (1, 2, 0.03, 0.2, 0.02),
        (1, 2, 0.0, 4.0, 0.1),  # no longer than anyone notices
        (1, 2, 0.0, 0.0, 0.0),  # nothing is known yet
    ],
)
def test_one_waits_a_little_for_those_that_come(
    ready: int, coming: int, waited: float, step: float, seconds: float
) -> None:
    assert patience(ready, coming, 8, waited=waited, step=step) == pytest.approx(seconds)


class Steps:
    """Computes; holds the first step until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = threading.Event()
        self.go = threading.Event()

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.began.set()
        assert self.go.wait(20)
        if -1 in items:
            raise ValueError("a defect")
        return [item * 10 for item in items]


async def test_what_waits_meanwhile_is_computed_in_one_go() -> None:
    batches, steps = Batches(8), Steps()
    first = asyncio.create_task(batches.run("a", 1, steps))
    await asyncio.to_thread(steps.began.wait)
    others = [asyncio.create_task(batches.run("a", item, steps)) for item in (2, 3, 4)]
    await asyncio.sleep(0)

    assert batches.step_ms > 0
    steps.go.set()

    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert steps.batches == [[1], [2, 3, 4]]


async def test_of_some_fewer_are_computed_in_one_go() -> None:
    batches, steps = Batches(8), Steps()
    first = asyncio.create_task(batches.run("a", 1, steps))
    await asyncio.to_thread(steps.began.wait)
    others = [asyncio.create_task(batches.run("b", item, steps, 2)) for item in (2, 3, 4)]
    await asyncio.sleep(0)
    steps.go.set()

    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert steps.batches == [[1], [2, 3], [4]]


async def test_who_is_cancelled_comes_back_when_nothing_of_it_is_computed() -> None:
    batches, steps = Batches(8), Steps()
    runs = asyncio.create_task(batches.run("a", 1, steps))
    await asyncio.to_thread(steps.began.wait)
    waits = asyncio.create_task(batches.run("a", 2, steps))
    await asyncio.sleep(0)

    waits.cancel()
    runs.cancel()
    await asyncio.wait([waits])

    assert not runs.done()
    steps.go.set()
    await asyncio.wait([runs])
    assert runs.cancelled()
    assert steps.batches == [[1]]


async def test_a_step_that_fails_ends_those_in_it_alone() -> None:
    batches, steps = Batches(8), Steps()
    steps.go.set()

    with pytest.raises(ValueError, match="a defect"):
        await batches.run("a", -1, steps)

    assert await batches.run("a", 1, steps) == 10
