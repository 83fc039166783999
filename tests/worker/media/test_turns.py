"""Whose turn it is of the jobs that wait for a model."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.media.turns import Turns


class Told:
    """Counts what `changed` was told, and lets it be waited for."""

    def __init__(self) -> None:
        self.times = 0
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self.times += 1
        self._event.set()

    async def until(self, turns: Turns, waiting: int) -> None:
        """Waits until so many wait."""
        while turns.waiting < waiting:
            self._event.clear()
            await self._event.wait()


async def test_those_that_nobody_waits_for_begin_last() -> None:
    told = Told()
    turns, began = Turns(1, 8, told), list[str]()

    async def job(name: str, *, background: bool) -> None:
        async with turns.turn(background=background):
            began.append(name)

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turns.turn(background=False))
        jobs = [
            asyncio.create_task(job("a task", background=True)),
            asyncio.create_task(job("a call", background=False)),
            asyncio.create_task(job("the next call", background=False)),
        ]
        await told.until(turns, 3)
        assert turns.running == 1
    await asyncio.gather(*jobs)
    assert began == ["a call", "the next call", "a task"]
    assert (turns.running, turns.waiting) == (0, 0)


async def test_one_too_many_is_refused() -> None:
    told = Told()
    turns = Turns(1, 1, told)

    async def job() -> None:
        async with turns.turn(background=False):
            pass

    async with turns.turn(background=False):
        waits = asyncio.create_task(job())
        await told.until(turns, 1)
        with pytest.raises(EngineError) as caught:
            await job()
        assert caught.value.reason == ErrorReason.QUEUE_FULL
    await waits


async def test_who_leaves_amid_the_wait_keeps_nobody_out() -> None:
    told = Told()
    turns = Turns(1, 8, told)

    async def job() -> None:
        async with turns.turn(background=False):
            pass

    async with turns.turn(background=False):
        leaves, stays = (asyncio.create_task(job()) for _ in range(2))
        await told.until(turns, 2)
        leaves.cancel()
        await asyncio.wait([leaves])
        assert turns.waiting == 1
    await stays
    assert (turns.running, turns.waiting) == (0, 0)


async def test_who_leaves_when_it_is_let_in_gives_its_turn_on() -> None:
    told = Told()
    turns = Turns(1, 8, told)

    async def job() -> None:
        async with turns.turn(background=False):
            pass

    async with turns.turn(background=False):
        leaves, stays = (asyncio.create_task(job()) for _ in range(2))
        await told.until(turns, 2)
    assert turns.running == 1  # the first is let in, and has not run yet
    leaves.cancel()
    await asyncio.wait([leaves])
    assert leaves.cancelled()
    await stays
    assert (turns.running, turns.waiting) == (0, 0)
    assert told.times
