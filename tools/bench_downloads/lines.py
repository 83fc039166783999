"""The lines that downloads are measured over: what the one local server does to every answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_MIB: Final = 1024**2


@dataclass(frozen=True, slots=True)
class Line:
    """How bytes come."""

    description: str
    rate: int = 0
    """The most that one connection gets, in bytes a second; 0: as fast as the machine can."""
    delay: float = 0.0
    """Seconds from a request until the head of its answer."""
    drops: int = 0
    """After how many bytes, on the average, a connection is cut; 0: never."""

    @property
    def options(self) -> list[str]:
        """For the command line of the hub."""
        return [f"--rate={self.rate}", f"--delay={self.delay}", f"--drops={self.drops}"]


LINES: Final[Mapping[str, Line]] = {
    "loopback": Line("as fast as the machine can"),
    "capped": Line("24 MiB/s for each connection", rate=24 * _MIB),
    "lossy": Line(
        "20 ms before each answer; each MiB cuts its connection with a chance of 1%",
        delay=0.02,
        drops=100 * _MIB,
    ),
    "lossy-capped": Line(
        "as lossy, and 24 MiB/s for each connection",
        rate=24 * _MIB,
        delay=0.02,
        drops=100 * _MIB,
    ),
}
