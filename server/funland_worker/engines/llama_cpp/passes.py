"""Plans the forward passes that read whole texts, several short ones in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """A run of a text's tokens in one pass."""

    text: int
    """Which of the texts it is of."""
    sequence: int
    """The text's number among those that are read together."""
    row: int
    """The row of the pass that it begins at."""
    start: int
    stop: int
    """Which of the text's tokens it has: from `start` on, before `stop`."""


def plan(lengths: Sequence[int], rows: int, sequences: int) -> list[list[Part]]:
    """The passes for texts of these lengths, of at most so many rows and texts each.

    A text that fits into a pass is never divided. One that does not has passes of its own, the
    first of them with part `start` 0. A text without tokens is in none.
    """
    passes: list[list[Part]] = []
    room = 0
    for text, length in enumerate(lengths):
        if length > rows:
            for start in range(0, length, rows):
                passes.append([Part(text, 0, 0, start, min(start + rows, length))])
            room = 0
        elif length:
            if length > room or len(passes[-1]) == sequences:
                passes.append([])
                room = rows
            passes[-1].append(Part(text, len(passes[-1]), rows - room, 0, length))
            room -= length
    return passes
