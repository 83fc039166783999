"""Tells how far a load is, no oftener than is of use to anyone."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from funland.worker.v1.worker_pb2 import LoadProgress

_PAUSE_SECONDS = 0.05


def _nobody(_: LoadProgress) -> None:
    """For loads that nobody waits for."""


class LoadNews:
    """What an engine tells while it loads a model; what it does not know it does not tell.

    Fractions only grow, and at most 20 a second are handed on, but that all is read always is.
    """

    def __init__(
        self,
        say: Callable[[LoadProgress], None] = _nobody,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`say` hands a line on; `clock` gives seconds."""
        self._say = say
        self._clock = clock
        self._fraction = -1.0
        self._last = -_PAUSE_SECONDS

    def begun(self) -> None:
        """The model's files are being read; how much of them, is not known yet."""
        self._say(LoadProgress())

    def read(self, fraction: float) -> None:
        """So much of the weights is read, from 0 to 1."""
        now = self._clock()
        early = fraction < 1 and now - self._last < _PAUSE_SECONDS
        if fraction <= self._fraction or early:
            return
        self._fraction, self._last = fraction, now
        self._say(LoadProgress(fraction=min(fraction, 1.0)))

    def prepares(self) -> None:
        """The weights are there; what the engine needs beside them is not yet."""
        fraction = min(self._fraction, 1.0) if self._fraction >= 0 else None
        self._say(LoadProgress(fraction=fraction, preparing=True))
