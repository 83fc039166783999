"""Draws a curve in one line of text."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"
_MOST_POINTS: Final = 1024
"""Even, so that points can be joined two by two."""


class Curve:
    """A curve of any length in bounded memory: each of its points is the mean of as many values as
    the others. What is not finite is left out."""

    def __init__(self) -> None:
        self._points: list[float] = []
        self._each = 1
        self._sum, self._count = 0.0, 0

    def add(self, value: float) -> None:
        """Goes on with a value."""
        if not isfinite(value):
            return
        self._sum += value
        self._count += 1
        if self._count < self._each:
            return
        self._points.append(self._sum / self._count)
        self._sum, self._count = 0.0, 0
        if len(self._points) == _MOST_POINTS:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [(one + other) / 2 for one, other in pairs]
            self._each *= 2

    @property
    def points(self) -> Sequence[float]:
        """Its points."""
        return self._points


def sparkline(values: Sequence[float], width: int) -> str:
    """A curve of at most `width` characters. Each stands for as many values as the others, by their
    mean; the lowest is at the bottom, the highest at the top. What is not finite is left out."""
    known = [value for value in values if isfinite(value)]
    columns = min(width, len(known))
    means: list[float] = []
    for column in range(columns):
        part = known[column * len(known) // columns : (column + 1) * len(known) // columns]
        means.append(sum(part) / len(part))
    if not means:
        return ""
    low, high = min(means), max(means)
    top = len(_BARS) - 1
    return "".join(
        _BARS[round(top * (mean - low) / (high - low))] if high > low else _BARS[0]
        for mean in means
    )
