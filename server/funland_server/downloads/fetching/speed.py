"""How fast bytes come, and how fast they may: no I/O; the clock is handed in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

_SECONDS: Final = 3.0
"""Over which the speed is averaged: a byte weighs half after two thirds of it."""


@dataclass(slots=True)
class Speed:
    """A mean over the last seconds that forgets what was before. Times are of one clock."""

    _weighed: float = 0.0
    _at: float | None = None
    _since: float = 0.0

    def received(self, count: int, now: float) -> None:
        """Counts bytes."""
        if self._at is None:
            self._since = now
        self._fade(now)
        self._weighed += count

    def bytes_per_second(self, now: float) -> float:
        """The speed now."""
        if self._at is None:
            return 0.0
        self._fade(now)
        # What a steady stream since the beginning would have left.
        share = 1 - math.exp(-max(now - self._since, 0.25) / _SECONDS)
        return self._weighed / (_SECONDS * share)

    def _fade(self, now: float) -> None:
        if self._at is not None:
            self._weighed *= math.exp(-max(now - self._at, 0.0) / _SECONDS)
        self._at = now


@dataclass(slots=True)
class Bucket:
    """Holds back what comes faster than allowed, over all connections together."""

    rate: float | None
    """Bytes a second; None: no limit. It may be changed at any time."""
    _level: float = field(default=0.0)
    """What has been taken too early, in bytes."""
    _at: float = field(default=0.0)

    def delay(self, count: int, now: float) -> float:
        """Takes bytes that have come; how many seconds to wait before more are read."""
        if self.rate is None:
            self._level, self._at = 0.0, now
            return 0.0
        self._level = max(0.0, self._level - (now - self._at) * self.rate) + count
        self._at = now
        return self._level / self.rate
