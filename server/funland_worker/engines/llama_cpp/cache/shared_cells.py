"""Counts the cells of sequences that were copied from each other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class _Run:
    """Cells in a row that the same sequences have."""

    length: int
    holders: int = 1


class SharedCells:
    """How many cells llama.cpp takes for sequences of which some began as copies of others.

    A copy shares the cells that were there: it costs nothing until one of the two goes on, and a
    cell is free when the last that has it is gone.
    """

    def __init__(self) -> None:
        self._runs: dict[int, list[_Run]] = {}
        self.total = 0
        """How many cells are taken."""

    def length(self, sequence: int) -> int:
        """How many cells a sequence has, its own and shared ones."""
        return sum(run.length for run in self._runs.get(sequence, ()))

    def grow(self, sequence: int, length: int) -> None:
        """Takes note that a sequence has as many cells now, if that is more."""
        if (more := length - self.length(sequence)) <= 0:
            return
        runs = self._runs.setdefault(sequence, [])
        if runs and runs[-1].holders == 1:
            runs[-1].length += more
        else:
            runs.append(_Run(more))
        self.total += more

    def copy(self, source: int, target: int) -> None:
        """Gives a sequence the cells of another in place of its own."""
        self.remove(target)
        runs = self._runs[target] = list(self._runs.get(source, ()))
        for run in runs:
            run.holders += 1

    def cut(self, sequence: int, length: int) -> None:
        """Leaves a sequence its first cells."""
        runs = self._runs.get(sequence, [])
        kept = 0
        while kept < len(runs) and length >= runs[kept].length:
            length -= runs[kept].length
            kept += 1
        if kept < len(runs) and length:
            self._split(runs[kept], length)
            kept += 1
        self._let_go(runs[kept:])
        del runs[kept:]

    def remove(self, sequence: int) -> None:
        """Takes all cells from a sequence."""
        self._let_go(self._runs.pop(sequence, []))

    def _split(self, run: _Run, length: int) -> None:
        """Makes two of a run, in all sequences that have it."""
        first = _Run(length, run.holders)
        run.length -= length
        for runs in self._runs.values():
            if run in runs:
                runs.insert(runs.index(run), first)

    def _let_go(self, runs: list[_Run]) -> None:
        for run in runs:
            run.holders -= 1
            if not run.holders:
                self.total -= run.length
