"""How long an engine at rest waits, when a text comes, for the texts that come with it."""

from __future__ import annotations

_LINGER = 1 / 8
_LONGEST = 1 / 4
_WEIGHT = 0.25


class Gathering:
    """Calls that are made at once arrive one after the other, since reading each takes a while. A
    pass for the first alone takes hardly less than one for all, and holds up the reading of the
    others. So the first pass waits while others are being read, and if the last time several came
    together, for an eighth of a step's time after each arrival; but no longer than a quarter of a
    step's time for each text that is there.

    A step's time is that of the steps without prompts, the shortest there are. Before it is known,
    nothing waits.
    """

    def __init__(self) -> None:
        self._step_seconds = 0.0
        self._together = 1

    def measured(self, seconds: float) -> None:
        """Learns from a step that computed no prompts."""
        before = self._step_seconds or seconds
        self._step_seconds = before + _WEIGHT * (seconds - before)

    def came(self, texts: int) -> None:
        """Learns how many texts had come when the first pass was over."""
        self._together = texts

    def patience(self, texts: int, *, waited: float, quiet: float, reading: bool) -> float:
        """For how many seconds to wait before it is asked again; 0 or less: no more.

        The first of so many texts came `waited` seconds ago and the last one `quiet` seconds ago;
        `reading` says whether others are known to be on their way.
        """
        linger = _LINGER * self._step_seconds
        left = texts * _LONGEST * self._step_seconds - waited
        if reading:
            return min(left, linger)
        return min(left, linger - quiet) if self._together > 1 else 0.0
