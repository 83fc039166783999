"""StepTimeout: each step has an end of its own, and what lies between the steps has none."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from funland_server.rpc.step_timeout import StepTimeout


async def wait_until(end: float) -> None:
    """Waits until the loop's clock has passed `end` by far."""
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    loop.call_at(end + 0.05, passed.set_result, None)
    await passed


async def steps_until(ends: Sequence[float]) -> None:
    """Makes short steps, and a last one that ends only if it is ended."""
    *short, last = ends
    async with StepTimeout() as steps:
        for end in short:
            steps.begin(end)
            steps.over()
        steps.begin(last)
        await asyncio.Event().wait()


async def test_a_step_that_takes_too_long_is_ended() -> None:
    clock = asyncio.get_running_loop().time

    with pytest.raises(TimeoutError):
        await steps_until([clock() + 0.01])


async def test_a_later_step_has_an_end_of_its_own() -> None:
    clock = asyncio.get_running_loop().time
    now = clock()

    with pytest.raises(TimeoutError):
        await steps_until([now + 0.01, now + 0.1])

    assert clock() >= now + 0.1


async def test_time_between_the_steps_does_not_count() -> None:
    clock = asyncio.get_running_loop().time

    async with StepTimeout() as steps:
        for _ in range(2):
            steps.begin(end := clock() + 0.01)
            steps.over()
            await wait_until(end)


async def test_a_step_that_ends_as_its_time_does_is_not_ended() -> None:
    loop = asyncio.get_running_loop()
    over = loop.create_future()

    async with StepTimeout() as steps:
        now = loop.time()
        loop.call_at(now, over.set_result, None)
        steps.begin(now + 1e-9)  # the loop takes both in one round
        await over
        steps.over()
        await wait_until(loop.time())


async def test_without_a_step_nothing_is_set() -> None:
    async with StepTimeout() as steps:
        steps.over()
        await wait_until(asyncio.get_running_loop().time())


async def test_a_cancelled_task_is_cancelled_and_not_late() -> None:
    begun = asyncio.Event()

    async def step() -> None:
        async with StepTimeout() as steps:
            steps.begin(asyncio.get_running_loop().time() + 60)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(step())
    await begun.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
