"""A worker that hangs is found; one that is only slow is not."""

from __future__ import annotations

import asyncio

import pytest

from funland.worker.v1.worker_pb2 import Pong, Step
from funland_server.workers.watchdog import Patience, Watchdog
from tests.server.conftest import SECONDS


async def test_silence_is_a_hang() -> None:
    pings: list[int] = []
    watchdog = Watchdog(Patience(silent_seconds=0.1), pings.append)

    async with asyncio.timeout(SECONDS):
        how = await watchdog.hang()

    assert how == "it was silent for 0.1 s"
    assert pings == list(range(1, 11))


async def test_who_answers_lives() -> None:
    def answer(number: int) -> None:
        if number < 30:
            watchdog.heard(Step(pong=Pong(ping_id=number)))
        asked.append(number)

    asked: list[int] = []
    watchdog = Watchdog(Patience(silent_seconds=0.05), answer)

    async with asyncio.timeout(SECONDS):
        await watchdog.hang()

    assert len(asked) == 39  # ten, from the last that was answered on


async def test_news_of_sequences_are_a_sign_of_life_too() -> None:
    watchdog = Watchdog(Patience(silent_seconds=0.05), lambda _: watchdog.heard(Step()))

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):  # six times its patience
            await watchdog.hang()


async def test_a_step_without_end_is_a_hang() -> None:
    watchdog = Watchdog(
        Patience(silent_seconds=0.05, step_seconds=2),
        lambda number: watchdog.heard(Step(pong=Pong(ping_id=number, step_ms=number * 500))),
    )

    async with asyncio.timeout(SECONDS):
        assert await watchdog.hang() == "a step took over 2 s"
