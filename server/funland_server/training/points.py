"""Which steps of a run stand for all: a pure function."""

from __future__ import annotations


def evenly(count: int, points: int) -> list[int]:
    """At most so many of the numbers from 1 to `count`, at equal distances as far as whole numbers
    have those, the first and the last among them. A single one is the last."""
    if count <= points:
        return list(range(1, count + 1))
    if points <= 1:
        return [count] * points
    return [
        1 + (place * (count - 1) + (points - 1) // 2) // (points - 1) for place in range(points)
    ]
