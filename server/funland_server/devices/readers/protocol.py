"""What finds devices and says what they do: a reader for each way to ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from funland.v1.hardware_pb2 import Device


class ReaderError(Exception):
    """A reader can't do its work. The message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Found:
    """A device as one reader tells of it. What it can't read is unset."""

    device: Device
    """Without an id and a state."""
    pci_id: str = ""
    """What the bus calls its model: `vendor:device`, such as `10de:2684`."""
    spare_name: str = ""
    """A name for people, if nobody has a better one."""
    parent_uuid: str = ""
    """The uuid of the device that it is a slice of."""
    obstacle: str = ""
    """Why no engine can compute on it, however many are installed: a sentence."""
    trouble: str = ""
    """Why its driver does not answer, if it does not: a sentence."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a reader found."""

    found: tuple[Found, ...] = ()
    problems: tuple[str, ...] = ()
    """What it could not ask; it has the rest."""


class Reader(Protocol):
    """Finds devices of one sort. It is used by one thread at a time, not always the same."""

    name: str
    """As `ReaderProblem.reader` has it."""
    sampled: bool
    """Whether it is cheap enough to look every ten seconds."""

    def look(self, *, anew: bool) -> Look:
        """All there is, with what it does now. Blocks, maybe for long. `anew`: nothing that was
        kept of an earlier look is believed.

        Raises:
            ReaderError: It can't; a defect or a broken driver may raise anything else.
        """
        ...

    def close(self) -> None:
        """Ends what runs outside of this process. Does not wait."""
        ...
