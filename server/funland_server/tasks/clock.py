"""What time it is, for tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """A test hands in others."""

    nanos: Callable[[], int] = time.time_ns
    """Since 1970."""
    monotonic: Callable[[], float] = time.monotonic
    """In seconds, never set."""

    def micros(self) -> int:
        """Since 1970."""
        return self.nanos() // 1000
