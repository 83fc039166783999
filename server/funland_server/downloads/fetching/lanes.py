"""How many connections a download has: no I/O, no clock."""

from __future__ import annotations

from typing import Final

_FIRST: Final = 4
_GAIN: Final = 1.1
_REST: Final = 40
"""Measurements after which more are tried again."""


class Lanes:
    """Grows as long as each more brings more, and goes back where it does not.

    It is told the speed at equal intervals, and tells how many connections there should be.
    """

    def __init__(self, limit: int) -> None:
        """`limit` is the most."""
        self._limit = limit
        self._wanted = min(_FIRST, limit)
        self._before: tuple[int, float] | None = None
        """What the last growth started from: how many, and their speed."""
        self._pause = 1
        """How many measurements are passed over: those in which connections are made, too."""

    @property
    def wanted(self) -> int:
        """How many there should be now."""
        return self._wanted

    def limit(self, most: int) -> None:
        """Changes the most."""
        self._limit = most
        self._wanted = min(self._wanted, most)

    def refused(self, left: int) -> None:
        """A server took no more than the connections that are left."""
        self._settle(max(1, min(self._wanted, left)))

    def measured(self, bytes_per_second: float) -> None:
        """Takes the speed of the last interval, with all connections at work."""
        if self._pause:
            self._pause -= 1
        elif self._before is not None and bytes_per_second < self._before[1] * _GAIN:
            self._settle(min(self._before[0], self._limit))
        elif self._wanted >= self._limit:
            self._settle(self._limit)
        else:
            self._before = (self._wanted, bytes_per_second)
            self._wanted = min(self._wanted * 2, self._limit)
            self._pause = 1

    def _settle(self, count: int) -> None:
        self._wanted, self._before, self._pause = count, None, _REST
