"""Calls a server with several streams at once and notes when their text comes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from time import perf_counter

from funland_cli.bench_statistics import Call
from funland_client import AsyncFunland, FunlandError

_SEED = 1
_SAMPLE_WORDS = 256
_WORDS = (
    "river", "stone", "garden", "winter", "letter", "music", "window", "silver", "market",
    "summer", "forest", "bridge", "candle", "yellow", "kitchen", "morning", "paper", "island",
    "doctor", "bottle", "horse", "village", "mountain", "pocket", "dinner", "shadow", "finger",
    "castle", "button", "planet", "coffee", "mirror",
)  # fmt: skip


async def prompts(client: AsyncFunland, model: str, tokens: int) -> Iterator[str]:
    """Endless texts of about `tokens` tokens of the model, different from the first word on.

    What the model cached of one is of no use to another.
    """
    chance = random.Random(_SEED)  # noqa: S311 - the same texts each time
    sample = " ".join(chance.choices(_WORDS, k=_SAMPLE_WORDS))
    words = max(round(tokens * _SAMPLE_WORDS / len(await client.tokenize(sample, model))), 1)
    return _texts(chance, words)


async def measure(
    client: AsyncFunland,
    model: str,
    texts: Iterator[str],
    *,
    streams: int,
    calls: int,
    max_tokens: int,
    done: Callable[[], None] = lambda: None,
) -> list[Call]:
    """Makes `calls` calls, `streams` at a time, each of `max_tokens` tokens; says `done` of each.

    Raises what the first call that fails raises; the others are ended.
    """
    remaining = iter(range(calls))
    made: list[Call] = []

    async def caller() -> None:
        for _ in remaining:
            made.append(await _call(client, model, next(texts), max_tokens))
            done()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(streams, calls)):
                group.create_task(caller())
    except* FunlandError as failures:
        raise _first(failures) from None
    return made


async def _call(client: AsyncFunland, model: str, text: str, max_tokens: int) -> Call:
    start = perf_counter()
    arrivals: list[float] = []
    async with client.stream_generate(
        text, model, temperature=0, max_tokens=max_tokens, ignore_end=True
    ) as stream:
        async for _ in stream:
            arrivals.append(perf_counter())
        tokens = stream.finish.usage.completion_tokens
    if len(arrivals) < tokens:  # the others' text was joined, or they had none: the end tells them
        arrivals.append(perf_counter())
    return Call(start, tuple(arrivals), tokens)


def _texts(chance: random.Random, words: int) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        yield f"{number} " + " ".join(chance.choices(_WORDS, k=words))


def _first(failures: BaseExceptionGroup[FunlandError]) -> FunlandError:
    failure = failures.exceptions[0]
    return _first(failure) if isinstance(failure, BaseExceptionGroup) else failure
