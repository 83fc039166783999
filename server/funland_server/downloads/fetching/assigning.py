"""What each connection of a transfer fetches next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from funland_server.downloads.fetching.fetched_file import FetchedFile
from funland_server.downloads.fetching.parts import Part, part_size
from funland_server.downloads.fetching.routes import Route, Servers
from funland_server.downloads.fetching.speed import Speed

_WORTH_SPLITTING: Final = 0.5
"""Seconds that a part must still take to be worth a second connection."""

StartingOver: TypeAlias = dict[FetchedFile, bool | None]
"""Files that start over once nobody fetches them any more, and whether with ranges."""


@dataclass(slots=True)
class Lane:
    """A connection at work."""

    file: FetchedFile
    route: Route
    part: Part | None
    since: float
    received: int = 0

    def speed(self, now: float) -> float:
        """In bytes a second."""
        return self.received / max(now - self.since, 0.001)


@dataclass(frozen=True, slots=True)
class Assigning:
    """Sees all that a transfer has under way."""

    files: Sequence[FetchedFile]
    servers: Servers
    at_work: Mapping[int, Lane]
    over: StartingOver
    speed: Speed

    def next(self, number: int, wanted: int, now: float) -> Lane | None:
        """What one more connection, of this number, would fetch, where so many are `wanted`; None
        if there is nothing. A file whose ways don't fit together is to start over.

        Raises:
            FunlandError: There is no way to a file any more.
        """
        for file in self.files:
            if file.done or file.complete or file in self.over:
                continue
            route = file.routes.best(self.servers, now)
            if route is None:
                if (error := file.routes.error) is not None:
                    raise error
                continue
            if not file.fits(route):
                self.over[file] = None
                continue
            alone = file.ranged is not True  # then the first answer says what is possible
            if alone and any(lane.file is file for lane in self.at_work.values()):
                continue
            if file.parts is None:
                return Lane(file, route, None, now)
            speed = self.speed.bytes_per_second(now) / max(1, len(self.at_work))
            part = file.parts.take(number, part_size(speed, file.parts.left, wanted))
            if part is not None:
                return Lane(file, route, part, now)
        return self._split(number, now)

    def _split(self, number: int, now: float) -> Lane | None:
        """Takes over the second half of what would take longest."""
        speeds = {at_work: lane.speed(now) for at_work, lane in self.at_work.items()}
        slowest: tuple[float, int, FetchedFile] | None = None
        for file in self.files:
            if file.ranged and file.parts is not None and file not in self.over:
                found = file.parts.slowest(speeds)
                if found is not None and (slowest is None or found[1] > slowest[0]):
                    slowest = (found[1], found[0], file)
        if slowest is None or slowest[0] < _WORTH_SPLITTING:
            return None
        _, victim, file = slowest
        route = file.routes.best(self.servers, now)
        if route is None or file.parts is None:
            return None
        return Lane(file, route, file.parts.split(victim, number), now)
