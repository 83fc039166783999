"""When there is time for what a step's call may do: pure functions of how fast steps are.

The library calls back from a thread of its own, and puts what it has not called for yet in a queue.
When its last step is done, it throws away what is in there: see ADR 0104.
"""

from __future__ import annotations

from dataclasses import dataclass

_PART = 0.9
"""Of the time that a step takes, a call stays for so much: who stops meanwhile is heard at once,
and not when the next step is done and the one after it begun."""
_WAITED = 0.04
"""A call that begins within such a part of a step after the one before was waiting for its end."""
_DECODING_STEPS = 4
"""As so many steps is taken what it takes to decode, before that is known."""
_MARGIN = 2
_LEAST_LEFT = 3
"""With fewer steps left, nothing is done in a call that may last."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a picture goes on, when a step's call begins."""

    left: int
    """How many steps are not done yet, as far as it is told."""
    awaited: bool = False
    """Whether the call of one of those must not be lost."""
    behind: bool = False
    """Whether more calls may be waiting, so that more steps are done than is told."""
    step_s: float = 0.0
    """How long the latest step took of which that is known, in seconds; 0: of none."""
    fastest_s: float = 0.0
    """How long the fastest step took."""


def due_steps(runs: int, *, every: int = 0, previews: int = 0) -> frozenset[int]:
    """After which of `runs` steps, from 1, a preview is due: after `every` so many, or so many
    `previews` evenly; none after the last."""
    if every:
        return frozenset(range(every, runs, every))
    if runs <= previews:
        return frozenset(range(1, runs))
    return frozenset(round(runs * each / (previews + 1)) for each in range(1, previews + 1))


def has_time(pace: Pace, decoding_s: float) -> bool:
    """Whether a call can decode a preview, and come back before one is lost that must not be.
    Decoding takes `decoding_s`; 0: not known."""
    if not pace.awaited:
        return True
    if pace.behind or not pace.fastest_s or pace.left < _LEAST_LEFT:
        return False
    takes = decoding_s or _DECODING_STEPS * pace.fastest_s
    return _MARGIN * takes <= (pace.left - 1) * pace.fastest_s


def stay_s(pace: Pace) -> float:
    """For how long a call stays, from when it begins, in seconds."""
    return 0.0 if pace.awaited or pace.behind else _PART * pace.step_s


class Pacer:
    """Measures the pace of a picture of so many `runs`. It is told the time, in seconds."""

    def __init__(self, runs: int) -> None:
        self._runs = runs
        self._began: float | None = None
        """When the call before began, if the step was just done then."""
        self._returned: float | None = None
        self._step_s = self._fastest_s = 0.0

    def called(self, done: int, now: float, *, awaited: bool) -> Pace:
        """A call begins, of the step with which so many are `done`."""
        behind = self._is_behind(now)
        if self._began is not None and not behind:
            self._step_s = now - self._began
            self._fastest_s = min(self._fastest_s or self._step_s, self._step_s)
        self._began = None if behind else now
        return Pace(self._runs - done, awaited, behind, self._step_s, self._fastest_s)

    def returned(self, now: float) -> None:
        """The call comes back."""
        self._returned = now

    def _is_behind(self, now: float) -> bool:
        if self._returned is None:  # the first call of all
            return False
        lasted = self._fastest_s or (now - self._began if self._began is not None else 0.0)
        return now - self._returned < _WAITED * lasted
