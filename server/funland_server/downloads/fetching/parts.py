"""Which part of a file goes to which connection: no I/O, no clock.

Parts are given out from the front, so that what is there grows from the front too and its hash can
follow. When all is given out, the slowest connection gives up the second half of what it has left.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from funland_server.downloads.files.journal import BLOCK

LEAST: Final = 4 * BLOCK
MOST: Final = 32 * BLOCK
_SMALLEST_SPLIT: Final = 2 * BLOCK


@dataclass(slots=True)
class Part:
    """What one connection fetches. Both ends move: the first as bytes come, the last when another
    connection takes over."""

    start: int
    end: int

    @property
    def rest(self) -> int:
        """How many bytes are left."""
        return self.end - self.start


def part_size(bytes_per_second: float) -> int:
    """How much a connection of this speed fetches at once: about a second's worth."""
    blocks = int(bytes_per_second) // BLOCK
    return min(max(blocks * BLOCK, LEAST), MOST)


class Parts:
    """The parts of one file. Connections are numbered."""

    def __init__(self, missing: Iterable[tuple[int, int]]) -> None:
        """`missing` is in order; its ends are those of blocks."""
        self._free = [Part(start, end) for start, end in missing]
        self._taken: dict[int, Part] = {}

    @property
    def free(self) -> bool:
        """Whether there is something that nobody fetches."""
        return bool(self._free)

    @property
    def taken(self) -> Mapping[int, Part]:
        """What is being fetched, by connection."""
        return self._taken

    @property
    def done(self) -> bool:
        """Whether nothing is missing any more."""
        return not self._free and not self._taken

    def take(self, connection: int, size: int) -> Part | None:
        """Gives a connection the first part that nobody fetches; None if there is none."""
        if not self._free:
            return None
        first = self._free[0]
        end = min((first.start // BLOCK) * BLOCK + size, first.end)
        part = self._taken[connection] = Part(first.start, end)
        if end == first.end:
            self._free.pop(0)
        else:
            first.start = end
        return part

    def give_back(self, connection: int) -> None:
        """Takes back from a connection what it has not fetched."""
        part = self._taken.pop(connection)
        if not part.rest:
            return
        self._free.append(part)
        self._free.sort(key=lambda free: free.start)
        joined: list[Part] = []
        for free in self._free:
            if joined and joined[-1].end == free.start:
                joined[-1].end = free.end
            else:
                joined.append(free)
        self._free = joined

    def slowest(self, speeds: Mapping[int, float]) -> tuple[int, float] | None:
        """The connection whose part will take longest, and how many seconds; None if no part is
        large enough to be split. A speed is in bytes a second."""
        longest = [
            (part.rest / max(speeds.get(connection, 0.0), 1.0), connection)
            for connection, part in self._taken.items()
            if part.rest > _SMALLEST_SPLIT
        ]
        if not longest:
            return None
        seconds, connection = max(longest)
        return connection, seconds

    def split(self, victim: int, connection: int) -> Part:
        """Gives a connection the second half of what another has left."""
        part = self._taken[victim]
        middle = -(-(part.start + part.rest // 2) // BLOCK) * BLOCK
        taken = self._taken[connection] = Part(middle, part.end)
        part.end = middle
        return taken
