"""Whether the disk has room for a download: pure sums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Need:
    """What a download takes, in bytes; files of unknown size count as nothing."""

    total: int
    there: int
    """What is on the disk of it."""

    @property
    def rest(self) -> int:
        """What it is still to take."""
        return max(self.total - self.there, 0)


def lacking(free: int, reserve: int, others: Iterable[Need], need: Need) -> int:
    """How many bytes the disk lacks for one more download; 0 if it has room.

    What others are still to take counts as taken, and `reserve` stays free.
    """
    promised = sum(other.rest for other in others)
    return max(need.rest + promised + reserve - free, 0)
