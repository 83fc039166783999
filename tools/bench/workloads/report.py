"""Medians of the rounds, what the peers take beside ours, and whether that is what is demanded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import geometric_mean, median

from tools.bench.workloads.comparing import Likeness
from tools.bench.workloads.measures import Figures
from tools.bench.workloads.servers import OURS

Figure = Callable[[Figures], float]


@dataclass(frozen=True, slots=True)
class Cell:
    """What one server came to with one workload in one round."""

    round: int
    workload: str
    server: str
    settings: str
    figures: Figures
    likeness: Likeness | None = None
    """With the texts of ours; None: there is nothing to compare."""


@dataclass(frozen=True, slots=True)
class Demand:
    """A figure that a peer must exceed ours in so many times."""

    workload: str
    name: str
    figure: Figure
    least: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """A peer's figure over ours of the same round: the median of the rounds, and their range."""

    demand: Demand
    server: str
    value: float
    lowest: float
    highest: float

    @property
    def met(self) -> bool:
        """Whether it is what is demanded."""
        return self.value >= self.demand.least


def _seconds(figures: Figures) -> float:
    return figures.seconds


def _gap(figures: Figures) -> float:
    return figures.waits["chats"].gap.p99


def _long(figures: Figures) -> float:
    return figures.waits["long"].whole.p50


_WHOLE = {
    "agent": 1.5, "assistants": 2.0, "beside": 1.0, "crowd": 1.2, "documents": 2.0, "extract": 1.2,
}  # fmt: skip
DEMANDS = (
    *(Demand(workload, "whole time", _seconds, least) for workload, least in _WHOLE.items()),
    Demand("beside", "chats' p99 between tokens", _gap, 1 / 0.7),
    Demand("beside", "the long prompts' time", _long, 1 / 1.1),
)
_MEAN_DEMANDED = 1.5

_COLUMNS: Sequence[tuple[str, int, Callable[[Figures], str]]] = (
    ("seconds", 9, lambda f: f"{f.seconds:.1f}"),
    ("computed", 10, lambda f: f"{f.computed_tokens}"),
    ("cached", 9, lambda f: f"{f.cached_tokens}"),
    ("made", 8, lambda f: f"{f.made_tokens}"),
    ("processor", 11, lambda f: _number(f.taken.processor_seconds)),
    ("peak MB", 9, lambda f: _number(f.taken.peak_mb)),
    ("others", 8, lambda f: f"{f.taken.others_cores:.2f}"),
    ("left", 6, lambda f: f"{f.left}"),
    ("failed", 8, lambda f: f"{len(f.problems)}"),
)


def ratios(cells: Sequence[Cell]) -> list[Ratio]:
    """Of every peer to ours, where both were measured in a round."""
    known = {(one.round, one.workload, one.server): one.figures for one in cells}
    peers = [name for name in dict.fromkeys(one.server for one in cells) if name != OURS]
    rounds = sorted({one.round for one in cells})
    found: list[Ratio] = []
    for demand in DEMANDS:
        for peer in peers:
            values = [
                demand.figure(known[number, demand.workload, peer])
                / demand.figure(known[number, demand.workload, OURS])
                for number in rounds
                if (number, demand.workload, peer) in known
                and (number, demand.workload, OURS) in known
            ]
            values = [value for value in values if math.isfinite(value)]
            if values:
                found.append(Ratio(demand, peer, median(values), min(values), max(values)))
    return found


def text(cells: Sequence[Cell]) -> str:
    """The tables for people."""
    parts = [_table(cells, workload) for workload in dict.fromkeys(one.workload for one in cells)]
    found = ratios(cells)
    if found:
        parts.append(_ratio_table(found))
    return "\n\n".join(parts)


def _table(cells: Sequence[Cell], workload: str) -> str:
    here = [one for one in cells if one.workload == workload]
    head = "".join(f"{title:>{width}}" for title, width, _ in _COLUMNS)
    lines = [f"{workload:24}{head}"]
    for server in dict.fromkeys(one.server for one in here):
        figures = _middle([one.figures for one in here if one.server == server])
        row = "".join(f"{show(figures):>{width}}" for _, width, show in _COLUMNS)
        lines.append(f"  {server:22}{row}")
        for group, waits in figures.waits.items():
            told = (
                f"    {group}: first {_spread([waits.first.p50, waits.first.p95, waits.first.p99])}"
                f" ms, between {_spread([waits.gap.p50, waits.gap.p95, waits.gap.p99])} ms,"
                f" whole {_spread([waits.whole.p50, waits.whole.p95, waits.whole.p99])} ms"
            )
            lines.append(told)
    lines += [
        f"  {one.server}, round {one.round + 1}: {one.likeness.same} of {one.likeness.compared}"
        f" texts the same, {one.likeness.agreed:.1%} of them before the first difference"
        for one in here
        if one.likeness is not None
    ]
    lines += [
        f"  {one.server}, round {one.round + 1}, failed: {problem}"
        for one in here
        for problem in dict.fromkeys(one.figures.problems)
    ]
    return "\n".join(lines)


def _ratio_table(found: Sequence[Ratio]) -> str:
    lines = ["peer / ours, median (range of the rounds)"]
    for one in found:
        name = f"{one.server}, {one.demand.workload}: {one.demand.name}"
        value = f"{one.value:.2f} ({one.lowest:.2f}-{one.highest:.2f})"
        lines.append(f"  {name:54} {value:18} {_judged(one.value, one.demand.least)}")
    for server in dict.fromkeys(one.server for one in found):
        whole = [
            one.value for one in found if one.server == server and one.demand.figure is _seconds
        ]
        if len(whole) == len(_WHOLE):
            mean = geometric_mean(whole)
            name = f"{server}: geometric mean of the whole times"
            lines.append(f"  {name:54} {mean:<18.2f} {_judged(mean, _MEAN_DEMANDED)}")
    return "\n".join(lines)


def _judged(value: float, least: float) -> str:
    return f">= {least:.2f}  {'met' if value >= least else 'NOT MET'}"


def _middle(rounds: Sequence[Figures]) -> Figures:
    """The round that took the middle of the times: its figures belong together."""
    return sorted(rounds, key=_seconds)[(len(rounds) - 1) // 2]


def _spread(seconds: Iterable[float]) -> str:
    return " / ".join("-" if math.isnan(one) else f"{1e3 * one:.0f}" for one in seconds)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
