"""Finds out that a worker hangs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass

from funland.worker.v1.worker_pb2 import Step

_TICKS = 10


@dataclass(frozen=True, slots=True)
class Patience:
    """After how long a worker is taken to hang."""

    silent_seconds: float = 10.0
    """Without a sign of life."""
    step_seconds: float = 600.0
    """In one forward pass."""


class Watchdog:
    """Pings a worker ten times in the time that it may be silent.

    It counts pings without an answer, not seconds: after a pause of the server itself, be it that
    the machine slept, a single one is missing.
    """

    def __init__(self, patience: Patience, ping: Callable[[int], None]) -> None:
        """`ping` sends a ping of that number."""
        self._patience = patience
        self._ping = ping
        self._silent = 0
        self._step_seconds = 0.0

    def heard(self, step: Step) -> None:
        """Takes note of anything that the worker says."""
        self._silent = 0
        if step.HasField("pong"):
            self._step_seconds = step.pong.step_ms / 1e3

    async def hang(self) -> str:
        """Waits until the worker hangs, and says how."""
        for number in itertools.count(1):
            self._silent += 1
            self._ping(number)
            await asyncio.sleep(self._patience.silent_seconds / _TICKS)
            if self._silent >= _TICKS:
                return f"it was silent for {self._patience.silent_seconds:g} s"
            if self._step_seconds > self._patience.step_seconds:
                return f"a step took over {self._patience.step_seconds:g} s"
        raise AssertionError  # pragma: no cover - numbers don't end
