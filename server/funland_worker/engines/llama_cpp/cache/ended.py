"""Texts that have ended, and what was kept of others on their way, by who is given up first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from funland_worker.engines.llama_cpp.adapters import Uses


@dataclass(frozen=True, slots=True)
class Ended:
    """What is known of a sequence that nobody adds to."""

    uses: Uses
    tokens: list[int]
    lasting: bool
    """Whether it may outlive the process."""
    text: int = 0
    """The number of the text that it was computed for."""
    shared: bool = False
    """Whether other texts than the next turn of this one are likely to begin with it."""
    passed: bool = False
    """Whether a later turn has been kept since, so that nobody is likely to come back to it."""


class EndedTexts:
    """By llama.cpp's number of their sequence, least recently used first; but before all others
    those that were passed."""

    def __init__(self) -> None:
        self._ended: OrderedDict[int, Ended] = OrderedDict()

    def __contains__(self, slot: object) -> bool:
        """Whether a sequence is one of these."""
        return slot in self._ended

    def __getitem__(self, slot: int) -> Ended:
        """What is known of one."""
        return self._ended[slot]

    def add(self, slot: int, ended: Ended) -> None:
        """Adds one as the most recently used."""
        self._ended[slot] = ended

    def used(self, slot: int) -> None:
        """Takes note that a text begins with it."""
        self._ended[slot] = replace(self._ended[slot], passed=False)
        self._ended.move_to_end(slot)

    def passed(self, text: int) -> None:
        """Takes note that a later turn of a text has been kept."""
        for slot, ended in list(self._ended.items()):
            if ended.text == text and not ended.shared:
                self._ended[slot] = replace(ended, passed=True)
                self._ended.move_to_end(slot, last=False)

    def oldest(self, keep: int | None = None) -> int | None:
        """The first to be given up, other than `keep`."""
        return next((slot for slot in self._ended if slot != keep), None)

    def pop(self, slot: int) -> Ended:
        """Takes one out."""
        return self._ended.pop(slot)

    def worth_keeping(self) -> Iterator[tuple[int, Ended]]:
        """Those that were not passed, the most recently used first."""
        found = [(slot, ended) for slot, ended in self._ended.items() if not ended.passed]
        return reversed(found)
