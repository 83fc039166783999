"""Runs the waves of a benchmark in a worker of its own."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from funland.v1.hardware_pb2 import BenchmarkProgress
from funland.v1.inference_pb2 import GenerationOptions, SamplingParameters
from funland.worker.v1.worker_pb2 import SequenceEvent, Step, Submit, Tokens
from funland_server.hardware.arrivals import Arrival, as_a_whole, written
from funland_server.hardware.waves import Measured, Wave
from funland_server.workers.worker import Worker

_TICK_SECONDS: Final = 0.1
_LIMIT_SECONDS: Final = 180.0
"""After which a wave that has brought nothing is given up."""


class StepClock:
    """When the last step came: all that it brought came then, whoever reads it when."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self, step: Step, tokens: int) -> None:
        """Takes note of a step."""
        self.at = monotonic()


@dataclass(slots=True)
class _Text:
    arrivals: list[Arrival] = field(default_factory=list[Arrival])
    prompt_tokens: int = 0
    """How many of its prompt were computed,"""
    prompt_seconds: float = 0
    """in this time."""

    def take(self, event: SequenceEvent, at: float) -> None:
        if event.tokens:
            self.arrivals.append(Arrival(at, event.tokens))
        if event.HasField("prefill") and not event.HasField("finish"):
            self.prompt_tokens = event.prefill.done - event.prefill.cached
            self.prompt_seconds = event.prefill.elapsed_ms / 1e3
        if event.HasField("finish"):
            usage = event.finish.usage
            self.prompt_tokens = usage.prompt_tokens - usage.cached_prompt_tokens
            self.prompt_seconds = event.finish.timings.prompt_ms / 1e3


class Waves:
    """Those of one benchmark. Prompts are random tokens, no two alike: no cache has them."""

    def __init__(self, worker: Worker, clock: StepClock, tick: Callable[[], None]) -> None:
        """`tick` is called ten times a second while a wave runs; what it raises ends the wave."""
        self._worker = worker
        self._clock = clock
        self._tick = tick
        self._chance = random.Random(0)  # noqa: S311 - the same prompts each time

    async def run(self, wave: Wave) -> Measured | None:
        """Runs a wave to its end, or until its time is over and something was measured; None:
        nothing was for three minutes.

        Raises:
            FunlandError: What the worker refused, or that it was lost.
        """
        texts = [_Text() for _ in range(wave.streams)]
        begin = monotonic()
        tasks = [asyncio.create_task(self._write(wave, text)) for text in texts]
        try:
            while not _over(tasks):
                await asyncio.wait(
                    tasks, timeout=_TICK_SECONDS, return_when=asyncio.FIRST_EXCEPTION
                )
                self._tick()
                if (passed := monotonic() - begin) > wave.seconds and _measured(wave, texts):
                    break
                if passed > _LIMIT_SECONDS:
                    break
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            with suppress(asyncio.CancelledError):
                task.result()
        passed = monotonic() - begin
        found = _measured(wave, texts)
        if found is None and wave.warms_up:
            found = as_a_whole([text.arrivals for text in texts], passed)
        return found and Measured(wave, *found, whole_seconds=passed)

    async def _write(self, wave: Wave, text: _Text) -> None:
        with self._worker.sequence(self._submit(wave)) as sequence:
            while sequence.open_texts:
                text.take(await sequence.take(), self._clock.at)

    def _submit(self, wave: Wave) -> Submit:
        vocabulary = range(self._worker.ready.vocabulary_size)
        return Submit(
            tokens=Tokens(tokens=self._chance.choices(vocabulary, k=wave.prompt_tokens)),
            sampling=SamplingParameters(temperature=0, max_tokens=wave.tokens, ignore_end=True),
            options=GenerationOptions(progress=True),
        )


def _over(tasks: list[asyncio.Task[None]]) -> bool:
    failed = any(task.done() and task.exception() is not None for task in tasks)
    return failed or all(task.done() for task in tasks)


def _measured(wave: Wave, texts: list[_Text]) -> tuple[int, float] | None:
    """Tokens and seconds; None if too little came yet."""
    if wave.phase != BenchmarkProgress.PROMPT or wave.warms_up:
        return written([text.arrivals for text in texts])
    tokens = sum(text.prompt_tokens for text in texts)
    seconds = max(text.prompt_seconds for text in texts)
    return (tokens, seconds) if tokens > 0 and seconds > 0 else None
