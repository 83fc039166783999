"""Sums up the tokens of rows: pure functions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from funland.v1.datasets_pb2 import DatasetTokens


def summed_up(model_id: str, version: int, rows: Sequence[int], answers: int) -> DatasetTokens:
    """The figures of a version whose rows have so many tokens each, of which `answers` in all are
    answers."""
    ordered = sorted(rows)
    total = sum(ordered)
    return DatasetTokens(
        model_id=model_id,
        version=version,
        total=total,
        answers=answers,
        shortest=ordered[0],
        longest=ordered[-1],
        mean=total / len(ordered),
        median=at_most(ordered, 0.5),
        percentile_95=at_most(ordered, 0.95),
    )


def at_most(ordered: Sequence[int], part: float) -> int:
    """The least of the values that so great a part of them does not exceed."""
    return ordered[max(math.ceil(part * len(ordered)) - 1, 0)]
