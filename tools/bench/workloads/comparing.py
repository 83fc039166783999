"""Holds the texts of two servers against each other."""

from __future__ import annotations

from dataclasses import dataclass

from tools.bench.workloads.measures import Texts


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far the texts of the same calls are the same."""

    compared: int
    same: int
    agreed: float
    """The part of the characters that comes before the first other one, of all texts together."""


def likeness(ours: Texts, theirs: Texts) -> Likeness:
    """Of the calls that both have answered."""
    both = [(ours[call], theirs[call]) for call in ours.keys() & theirs.keys()]
    characters = sum(max(len(one), len(other)) for one, other in both)
    return Likeness(
        compared=len(both),
        same=sum(one == other for one, other in both),
        agreed=sum(_common(one, other) for one, other in both) / characters if characters else 1.0,
    )


def _common(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))
