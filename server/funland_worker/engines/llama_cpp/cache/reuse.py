"""Keys and values that are used again elsewhere in a text than where they were computed
(ADR 0128)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from funland_worker.engines.llama_cpp.cache.cells import Cells, taken_apart
from funland_worker.engines.llama_cpp.cache.state import State
from funland_worker.engines.llama_cpp.chunks import find


class Source(NamedTuple):
    """A text that is computed."""

    tokens: Sequence[int]
    save: Callable[[], State]
    """Gives its state, which has these tokens first."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of a prompt's tokens that another text has."""

    at: int
    """Before which of the prompt's tokens it belongs."""
    cells: Cells

    @property
    def end(self) -> int:
        """Behind which of the prompt's tokens it ends."""
        return self.at + self.cells.count


def chunks(prompt: Sequence[int], start: int, sources: Sequence[Source], least: int) -> list[Chunk]:
    """The runs of at least `least` tokens of a prompt that others have, from `start` on, in order.
    Texts with pictures or sounds are none of those."""
    plain = [one for one in sources if one.tokens and min(one.tokens) >= 0]
    states: dict[int, Cells | None] = {}
    found: list[Chunk] = []
    for run in find(prompt, start, [one.tokens for one in plain], least):
        if run.text not in states:
            states[run.text] = taken_apart(plain[run.text].save())
        if (cells := states[run.text]) is None:
            continue
        taken = cells.between(run.begin, run.begin + run.length)
        if taken.count == run.length:
            found.append(Chunk(run.at, taken))
    return found
