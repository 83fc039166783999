"""How often a server looks at its tasks unasked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pace:
    """In seconds; a test hands in others."""

    seconds: float = 0.5
    """Where other servers may do something that this one is not told of."""
    alone_seconds: float = 30.0
    """Where there can be no others."""
    progress_seconds: float = 0.5
    """How far tasks are is written so often at most."""
    aside_seconds: float = 10.0
    """What a server could not do, it passes over for so long."""
    housekeeping_seconds: float = 10.0
    """Tasks whose time is over are forgotten so often, and those that wait counted."""
