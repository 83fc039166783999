"""Turns: one at a time, whoever comes while they change hands."""

from __future__ import annotations

import asyncio
import gc

from funland_server.turns import Turns


async def test_of_all_who_come_one_at_a_time_has_its_turn() -> None:
    turns = Turns[str]()
    inside = most = 0

    async def enter(steps_before: int) -> None:
        nonlocal inside, most
        for _ in range(steps_before):
            await asyncio.sleep(0)
        async with turns.of("it"):
            inside += 1
            most = max(most, inside)
            for _ in range(3):
                await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(enter(steps % 23) for steps in range(100)))

    assert most == 1
    gc.collect()
    assert not turns.taken("it")


async def test_it_is_taken_while_one_has_it_or_waits_and_others_are_not() -> None:
    turns = Turns[str]()
    waiting = asyncio.Event()

    async def wait() -> None:
        async with turns.of("it"):
            await waiting.wait()

    async with turns.of("it"):
        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
    assert turns.taken("it")
    assert not turns.taken("another")

    waiting.set()
    await task
    assert not turns.taken("it")
