"""Breaks off crash loops: a model whose process is lost again and again is started ever later."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from funland_server.workers.errors import ModelBackingOffError

STEADY_SECONDS = 60.0
"""A process that was ready for so long is in no crash loop, whatever ends it."""
_LONGEST_SECONDS = 300.0


class Backoff:
    """One model's losses in a row. The first costs no time: anything may be lost once."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._losses = 0
        self._until = 0.0

    @property
    def remaining_seconds(self) -> float:
        """How long the model is not to be started; 0 if it may be now."""
        return max(0.0, self._until - self._clock())

    def lost(self, lived_seconds: float) -> None:
        """Counts a process that was lost so long after it was ready; 0 if it never was."""
        if lived_seconds >= STEADY_SECONDS:
            self._losses = 0
        self._losses += 1
        if self._losses > 1:
            # The exponent is bounded too: 2.0**1024 is an error.
            seconds = min(2.0 ** min(self._losses - 2, 32), _LONGEST_SECONDS)
            self._until = self._clock() + seconds

    def reset(self) -> None:
        """Forgets all losses: someone took the model in hand."""
        self._losses, self._until = 0, 0.0

    def check(self, model: str) -> None:
        """Lets a start of the model pass or not.

        Raises:
            ModelBackingOffError: It is too early.
        """
        if not (seconds := self.remaining_seconds):
            return
        error = ModelBackingOffError(
            f"The process of model {model!r} was lost {self._losses} times in a row; it is started"
            f" again in {seconds:.1f} s at the earliest. The server's log has its last words.",
            model=model,
            losses=str(self._losses),
        )
        error.retry_seconds = seconds
        raise error
