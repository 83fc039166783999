"""Which texts' sentences are computed next."""

from __future__ import annotations

import asyncio
import math

import pytest

from funland_worker.speech.lanes import GRACE_SECONDS, Lanes, seconds_to_room

CALL, TASK = 1, 2
NEVER = math.inf


@pytest.mark.parametrize(
    ("wanted", "lanes", "seconds"),
    [
        ([], 1, 0),
        ([5], 1, 0),  # it was until now
        ([7], 1, 2),
        ([7, NEVER], 2, 2),
        ([7, NEVER], 1, NEVER),
        ([7, NEVER], 3, 0),
        ([9, 7, 8], 1, 4),
        ([9, 7, 8, 4], 2, 3),
    ],
)
def test_a_lane_is_left_when_fewer_calls_want_one_than_there_are(
    wanted: list[float], lanes: int, seconds: float
) -> None:
    assert seconds_to_room(wanted, lanes, now=5) == seconds


async def test_a_task_that_waits_begins_when_the_call_is_over() -> None:
    """No clock goes on meanwhile, so that nothing else wakes it."""
    lanes = Lanes(1, lambda: 100.0)
    begun, over = asyncio.Event(), asyncio.Event()

    async def call() -> None:
        async with lanes.turn(CALL, background=False):
            begun.set()
            await over.wait()
        lanes.leave(CALL)

    async def task() -> None:
        async with lanes.turn(TASK, background=True):
            pass

    calling = asyncio.create_task(call())
    await begun.wait()
    waiting = asyncio.create_task(task())
    await asyncio.sleep(0)
    assert not waiting.done()
    over.set()

    async with asyncio.timeout(120):
        await asyncio.gather(calling, waiting)


async def test_a_task_has_the_lanes_that_calls_leave() -> None:
    now = 100.0
    lanes = Lanes(2, lambda: now)
    async with lanes.turn(CALL, background=False), lanes.turn(TASK, background=True):
        pass


async def test_a_task_waits_for_a_call_that_wants_the_next_lane_and_no_longer() -> None:
    now = 100.0
    lanes = Lanes(1, lambda: now)
    async with lanes.turn(CALL, background=False):
        pass

    async def task() -> None:
        async with lanes.turn(TASK, background=True):
            pass

    waiting = asyncio.create_task(task())
    await asyncio.sleep(0)
    assert not waiting.done()
    now += 2 * GRACE_SECONDS  # the call's listener does not take what is spoken
    await waiting


async def test_a_task_begins_at_once_when_the_last_call_is_over() -> None:
    lanes = Lanes(1, lambda: 100.0)
    async with lanes.turn(CALL, background=False):
        pass
    lanes.leave(CALL)

    async with lanes.turn(TASK, background=True):
        pass
