"""How bytes are fetched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """What the settings say of it. Times are in seconds."""

    connections: int = 16
    """The most that one download has."""
    tries: int = 100
    """So many failures without a byte in between end a download."""
    patience: float = 3600.0
    """So long without a byte ends it too, at the next failure."""
    first_backoff: float = 1.0
    """The wait after a first failure; each further one is twice as long."""
    sync_interval: float = 5.0
    """How often bytes are put onto the disk, for a restart of the machine."""
