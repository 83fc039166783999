"""Parts the layers of a model among devices, as far as they fit."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise


@dataclass(frozen=True, slots=True)
class Parts:
    """What a model takes for the texts that it is to hold, in bytes, by where it may lie."""

    whole: int
    """All weights, keys and values, for engines that don't part a model."""
    compute: int
    """The buffers of a pass, on each device that has a part in it."""
    host_compute: int
    """The same in the machine's memory, where the CPU has a part."""
    host: int
    """What is in the machine's memory whatever computes: the process."""
    layers: tuple[int, ...] = ()
    """Each layer with its keys and values; the output is the last, and a draft model, which is on
    devices if all layers are, counts with the first. Empty: they are not known."""
    tied: bool = False
    """Whether the output's weights are those of the input, and copied for a device."""
    draft: int = 0
    """What a draft model takes of the first of `layers`."""
    host_draft: int = 0
    """What it takes in the machine's memory where not all layers are on devices."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A device's room for layers."""

    room: int | None
    """In bytes; None: unknown, so all fits."""
    correction: float = 1.0
    """What the model took there the last time, as a multiple of what was expected of it."""

    def takes(self, layers: int, compute: int) -> int:
        """What it is expected that layers of so many bytes take there."""
        return int(self.correction * (layers + compute))

    def capacity(self, compute: int) -> float:
        """How many bytes of layers there is room for."""
        return math.inf if self.room is None else self.room / self.correction - compute


def fit(
    parts: Parts,
    spots: Sequence[Spot],
    *,
    weights: Sequence[float] | None = None,
    exact: bool = False,
    wanted: int | None = None,
) -> tuple[int, ...] | None:
    """How many layers each device computes, in their order: the last of the model, since the CPU
    computes the first. As many as fit, or as many as are `wanted`; None if those don't fit.

    With `weights` each gets its share of them, and unless that is `exact`, others take what does
    not fit there. Without, the first gets as many as fit, then the next.
    """
    ends = [0, *accumulate(parts.layers)]
    most = len(parts.layers)
    counts = range(most, -1, -1) if wanted is None else [min(wanted, most)]
    capacities = [spot.capacity(parts.compute) for spot in spots]
    for count in counts:
        for split in _splits(ends, count, capacities, weights, exact=exact):
            taken = _taken(ends, split)
            pairs = zip(capacities, split, taken, strict=True)
            if sum(split) == count and all(not n or own <= most for most, n, own in pairs):
                return split
    return None


def segments(parts: Parts, split: Sequence[int]) -> list[int]:
    """What the layers that each device computes take, in bytes."""
    return _taken([0, *accumulate(parts.layers)], split)


def by_weight(count: int, weights: Sequence[float]) -> tuple[int, ...]:
    """How many of so many layers each gets, as llama.cpp parts them: layer `n` is for the first
    whose weight, with those before it, is more than `n / count` of all."""
    total = sum(weights)
    borders = [0]
    for end in accumulate(weights):
        border = max(0, math.ceil(end / total * count) - 1)
        while border < count and border / count < end / total:
            border += 1
        borders.append(border)
    return tuple(after - before for before, after in pairwise(borders))


def _splits(
    ends: Sequence[int],
    count: int,
    capacities: Sequence[float],
    weights: Sequence[float] | None,
    *,
    exact: bool,
) -> Iterator[tuple[int, ...]]:
    if weights is not None:
        yield by_weight(count, weights)
    if not exact:
        yield _filled(ends, count, capacities)


def _filled(ends: Sequence[int], count: int, capacities: Sequence[float]) -> tuple[int, ...]:
    """The first gets as many as fit, then the next."""
    split: list[int] = []
    begin = len(ends) - 1 - count
    for capacity in capacities:
        end = max(begin, bisect_right(ends, ends[begin] + capacity) - 1)
        split.append(end - begin)
        begin = end
    return tuple(split)


def _taken(ends: Sequence[int], split: Sequence[int]) -> list[int]:
    borders = [len(ends) - 1 - sum(split)]
    for count in split:
        borders.append(borders[-1] + count)
    return [ends[after] - ends[before] for before, after in pairwise(borders)]
