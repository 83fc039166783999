"""Decides from how likely each frame is speech where somebody speaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FRAME_SAMPLES = 512
"""How many samples a frame has, at 16 kHz: 32 ms."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Where a span begins and ends. Lengths are in frames."""

    begin: float = 0.5
    """From this likelihood on, a frame outside of a span is speech."""
    end: float = 0.35
    """From this likelihood on, a frame within a span still is."""
    shortest: int = 3
    """A span has so many frames of speech at least: 96 ms."""
    pause: int = 16
    """After so many frames without speech a span is over: 512 ms."""
    padding: int = 3
    """What belongs to a span before and after its speech: 96 ms."""
    longest: int = 875
    """A span of so many frames, 28 s, is cut where it is the least likely speech in its last
    third."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A span, in frames: the first, and the one after the last."""

    first: int
    after: int


class SpanDecider:
    """One sound's spans, frame by frame; knows no sound."""

    def __init__(self, rules: Rules | None = None) -> None:
        self._rules = rules or Rules()
        self._now = 0
        self._earliest = 0
        """No span begins before it: there the one before ended."""
        self._first: int | None = None
        """Where the span that is open begins, or may."""
        self._likely: list[float] = []
        """How likely its frames are, from `_first` on."""
        self._voiced = 0
        self._last_voiced = 0

    @property
    def open(self) -> int | None:
        """The first frame of a span that has not ended; None: nobody speaks."""
        return self._first if self._voiced >= self._rules.shortest else None

    @property
    def needed(self) -> int:
        """The first frame that a span may still have."""
        if self._first is not None:
            return self._first
        return max(self._earliest, self._now - self._rules.padding)

    def step(self, likelihood: float) -> Stretch | None:
        """Takes the next frame; the span that it ends, if it ends one."""
        rules = self._rules
        if self._first is None and likelihood >= rules.begin:
            self._first = max(self._earliest, self._now - rules.padding)
            self._likely = [1.0] * (self._now - self._first)
            self._voiced = 0
        if self._first is not None:
            self._likely.append(likelihood)
            if likelihood >= (rules.end if self._voiced else rules.begin):
                self._voiced += 1
                self._last_voiced = self._now
        self._now += 1
        if self._first is None:
            return None
        if self._now - 1 - self._last_voiced >= rules.pause:
            return self._close(self._first)
        if len(self._likely) >= rules.longest:
            return self._cut(self._first)
        return None

    def finish(self) -> Stretch | None:
        """Ends the span that is open: no more comes, or what came is a whole."""
        span = self._close(self._first) if self._first is not None else None
        self._earliest = self._now
        return span

    def _close(self, first: int) -> Stretch | None:
        voiced = self._voiced
        self._first, self._likely, self._voiced = None, [], 0
        if voiced < self._rules.shortest:
            return None
        after = min(self._now, self._last_voiced + 1 + self._rules.padding)
        self._earliest = after
        return Stretch(first, after)

    def _cut(self, first: int) -> Stretch:
        """Ends a span that grew too long; the rest of it begins the next."""
        at = quietest(self._likely)
        self._likely = self._likely[at:]
        self._first = self._earliest = first + at
        self._voiced = sum(each >= self._rules.end for each in self._likely)
        return Stretch(first, self._first)


def quietest(likely: list[float]) -> int:
    """Where to cut: in the last third, where a frame and those beside it are the least likely
    speech; of equals the last."""
    begin = len(likely) * 2 // 3
    around = np.convolve(likely, (0.5, 1.0, 0.5), mode="same")[begin : len(likely) - 1]
    return begin + len(around) - 1 - int(np.argmin(around[::-1])) if len(around) else len(likely)
