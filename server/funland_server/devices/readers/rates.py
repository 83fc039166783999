"""Makes rates of what is only counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_LEAST: Final = 0.5
"""Seconds between two readings: a counter that moves by ticks tells nothing in less."""


@dataclass(frozen=True, slots=True)
class _Reading:
    at: float
    count: int
    rate: float | None


class Rates:
    """Rates since the reading before, each by a key."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._readings: dict[str, _Reading] = {}
        self._asked: set[str] = set()

    def per_second(self, key: str, count: int | None, wraps_at: int | None = None) -> float | None:
        """How much a count grew a second since the reading before; None at the first one.

        `wraps_at` is the largest value of a counter that begins again at 0 after it.
        """
        if count is None:
            return None
        self._asked.add(key)
        now, before = self._clock(), self._readings.get(key)
        if before is not None and now - before.at < _LEAST:
            return before.rate
        rate = None
        if before is not None:
            grown = count - before.count
            if grown < 0 and wraps_at is not None:
                grown += wraps_at + 1
            rate = grown / (now - before.at) if grown >= 0 else None
        self._readings[key] = _Reading(now, count, rate)
        return rate

    def forget_unasked(self) -> None:
        """Forgets the keys that nobody asked for since this was called last."""
        self._readings = {key: self._readings[key] for key in self._readings if key in self._asked}
        self._asked.clear()
