"""Measures all rows again and again, so that the machine's moods meet them alike."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import mean

from tools.bench.noise import Load, calibrate, wait_for_quiet
from tools.bench.probe import Measurement
from tools.bench.report import Cell
from tools.bench.rows import Row


def measure(
    rows: Mapping[str, Row], streams: Sequence[int], how: Measurement, rounds: int, patience: float
) -> tuple[list[Cell], list[str]]:
    """Every row at every number of streams in every round, and a line on each round's noise.

    The rows of one number of streams follow one another directly; each round begins with another.
    """
    cells: list[Cell] = []
    noise: list[str] = []
    names = list(rows)
    for number in range(rounds):
        before = calibrate()
        order = names[number % len(names) :] + names[: number % len(names)]
        for many in streams:
            for name in order:
                wait_for_quiet(patience)
                load = Load.now()
                found = rows[name].measure(replace(how, streams=many))
                after = Load.now()
                cells.append(
                    Cell(number, name, after.others_since(load), after.own - load.own, found)
                )
                _progress(cells[-1])
        others = [cell.others for cell in cells if cell.round == number]
        noise.append(
            f"round {number + 1}: calibration {before:.0f} MB/s before, {calibrate():.0f} after;"
            f" others took {mean(others):.2f} cores, at most {max(others):.2f}"
        )
    return cells, noise


def _progress(cell: Cell) -> None:
    rate = cell.summary.generation_tokens_per_second
    print(
        f"round {cell.round + 1}: {cell.summary.streams} {cell.row}: {rate:.1f} tokens/s,"
        f" others {cell.others:.2f} cores",
        file=sys.stderr,
    )
