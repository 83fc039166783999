"""Which rows each step learns from, and how fast: pure functions of the settings, so that a run
that was interrupted goes on as it would have."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, cos, pi
from typing import Final

import numpy as np

_NEIGHBOURS: Final = 32
"""Batches whose rows are sorted by length together: those of a batch are then of like length, and
yet drawn by chance."""
MOST_TOKENS: Final = 1024
"""What a pass computes at most, unless a single row is longer: a step of more has several."""
_SPLIT, _ORDER = 1, 2


def kept_out(rows: int, ratio: float, seed: int) -> frozenset[int]:
    """The rows that are kept out for evaluation: at least one if any are to be, and never all."""
    if ratio <= 0 or rows < 2:  # noqa: PLR2004 - one to learn and one to keep out
        return frozenset()
    count = min(max(1, round(rows * ratio)), rows - 1)
    drawn = np.random.default_rng([seed, _SPLIT]).permutation(rows)
    return frozenset(drawn[:count].tolist())


def steps_in_epoch(rows: int, batch_size: int) -> int:
    """How many steps see each row once."""
    return ceil(rows / batch_size)


def total_steps(rows: int, batch_size: int, epochs: int, max_steps: int) -> int:
    """How many steps a run has; 0 for `max_steps` is no limit."""
    steps = epochs * steps_in_epoch(rows, batch_size)
    return min(steps, max_steps) if max_steps else steps


def batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """The rows of each of an epoch's steps. Each row is in one of them."""
    random = np.random.default_rng([seed, _ORDER, epoch])
    order: list[int] = random.permutation(len(lengths)).tolist()
    made: list[list[int]] = []
    span = batch_size * _NEIGHBOURS
    for begin in range(0, len(order), span):
        near = sorted(order[begin : begin + span], key=lambda row: lengths[row])
        made += [near[at : at + batch_size] for at in range(0, len(near), batch_size)]
    return [made[at] for at in random.permutation(len(made)).tolist()]


def passes(rows: Sequence[int], lengths: Sequence[int], most: int = MOST_TOKENS) -> list[list[int]]:
    """A step's rows, those that are computed together: as many as have at most so many tokens when
    each is as long as the longest of them."""
    made: list[list[int]] = []
    for row in sorted(rows, key=lambda one: lengths[one]):
        if not made or lengths[row] * (len(made[-1]) + 1) > most:
            made.append([])
        made[-1].append(row)
    return made


def learning_rate(step: int, total: int, highest: float, warmup_ratio: float) -> float:
    """Of a step, counted from 1: rises to the highest in a straight line, and falls in a cosine's
    half towards zero."""
    warmup = ceil(total * warmup_ratio)
    if step <= warmup:
        return highest * step / warmup
    return highest * (1 + cos(pi * (step - 1 - warmup) / (total - warmup))) / 2
