"""Medians of the rounds, ratios of row to row, and whether they meet what is demanded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from funland_cli.bench_statistics import Percentiles, Summary

Figure = Callable[[Summary], float]


@dataclass(frozen=True, slots=True)
class Cell:
    """What one row came to in one round."""

    round: int
    row: str
    others: float
    """How many cores were not ours meanwhile."""
    processor_seconds: float
    """What server and caller took of the processor: hardly touched by what others do."""
    summary: Summary


@dataclass(frozen=True, slots=True)
class Bar:
    """What a row must reach of another row's figure, by number of streams."""

    row: str
    against: str
    figure: str
    least: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A row's figure over another's: the median of the rounds and their range."""

    bar: Bar
    streams: int
    value: float
    lowest: float
    highest: float

    @property
    def least(self) -> float | None:
        """What is demanded; None: nothing is."""
        return self.bar.least.get(self.streams)

    @property
    def met(self) -> bool | None:
        """Whether it is what is demanded; None if nothing is."""
        return None if self.least is None else self.value >= self.least


FIGURES: Mapping[str, tuple[str, Figure]] = {
    "generation": ("tokens/s while all streams write", lambda s: s.generation_tokens_per_second),
    "total": ("tokens/s over all the time", lambda s: s.tokens_per_second),
    "first_p50": ("ms to the first token, p50", lambda s: 1e3 * s.first_token_seconds.p50),
    "first_p95": ("ms to the first token, p95", lambda s: 1e3 * s.first_token_seconds.p95),
    "gap_p50": ("ms between tokens, p50", lambda s: 1e3 * s.gap_seconds.p50),
    "gap_p95": ("ms between tokens, p95", lambda s: 1e3 * s.gap_seconds.p95),
    "gap_p99": ("ms between tokens, p99", lambda s: 1e3 * s.gap_seconds.p99),
}

LEAST_SERVER = "least gRPC server"
"""The row of what no server on grpc.aio can exceed."""

_FEW = (1, 4, 8, 16)
BARS = (
    Bar("engine", "bare loop", "generation", {**dict.fromkeys(_FEW, 0.95), 32: 0.90}),
    Bar("engine", "llama-batched-bench", "generation", {**dict.fromkeys(_FEW, 0.95), 32: 0.90}),
    Bar("gRPC", "engine", "generation", {**dict.fromkeys(_FEW, 0.98), 32: 0.98}),
    Bar("OpenAI", "engine", "generation", {**dict.fromkeys(_FEW, 0.97), 32: 0.95}),
    Bar("OpenAI", "llama-server", "total", {4: 1.05, 16: 1.05}),
    Bar("OpenAI", "llama-server", "generation", {}),
    Bar("OpenAI", "examples-server", "total", {16: 1.5}),
    Bar("OpenAI", "examples-server", "generation", {}),
    Bar(LEAST_SERVER, "engine", "generation", {}),
    Bar("gRPC", LEAST_SERVER, "generation", {}),
    Bar("gRPC", LEAST_SERVER, "total", {}),
    Bar("gRPC", "engine", "total", {}),
    Bar("OpenAI", "engine", "total", {}),
    Bar("OpenVINO engine", "engine", "total", {}),
    Bar("CTranslate2 engine", "engine", "total", {}),
)

_DEVICE_LEAST = {
    ("engine", "llama-batched-bench", "generation"): dict.fromkeys((1, 8, 32), 0.95),
    ("OpenAI", "llama-server", "total"): dict.fromkeys((16, 32), 1.05),
}
DEVICE_BARS = tuple(
    replace(bar, least=_DEVICE_LEAST.get((bar.row, bar.against, bar.figure), {})) for bar in BARS
)
"""What is demanded on an accelerator."""


def medians(cells: Sequence[Cell]) -> dict[str, list[Summary]]:
    """Each row's summaries by number of streams, every figure the median of its rounds."""
    grouped: dict[tuple[str, int], list[Summary]] = {}
    for cell in cells:
        grouped.setdefault((cell.row, cell.summary.streams), []).append(cell.summary)
    rows: dict[str, list[Summary]] = {}
    for (row, _), summaries in sorted(grouped.items(), key=lambda item: item[0][1]):
        rows.setdefault(row, []).append(_middle(summaries))
    return {row: rows[row] for row in dict.fromkeys(cell.row for cell in cells)}


def ratios(cells: Sequence[Cell], bars: Sequence[Bar] = BARS) -> list[Ratio]:
    """All ratios of the bars whose rows were measured, each round's figures against one another."""
    known = {(cell.round, cell.row, cell.summary.streams): cell.summary for cell in cells}
    rounds = sorted({cell.round for cell in cells})
    found: list[Ratio] = []
    for bar in bars:
        figure = FIGURES[bar.figure][1]
        for streams in sorted({cell.summary.streams for cell in cells}):
            values = [
                figure(known[number, bar.row, streams])
                / figure(known[number, bar.against, streams])
                for number in rounds
                if (number, bar.row, streams) in known and (number, bar.against, streams) in known
            ]
            values = [value for value in values if math.isfinite(value)]
            if values:
                found.append(Ratio(bar, streams, median(values), min(values), max(values)))
    return found


def text(cells: Sequence[Cell], bars: Sequence[Bar] = BARS) -> str:
    """The tables for people."""
    rows = medians(cells)
    streams = sorted({cell.summary.streams for cell in cells})
    parts = [_table(title, rows, streams, figure) for title, figure in FIGURES.values()]
    parts.append(_processor_table(cells, list(rows), streams))
    parts.append(_ratio_table(ratios(cells, bars)))
    return "\n\n".join(parts)


def _table(
    title: str, rows: Mapping[str, Sequence[Summary]], streams: Sequence[int], figure: Figure
) -> str:
    lines = [_line(title, (str(number) for number in streams))]
    for name, summaries in rows.items():
        values = {each.streams: figure(each) for each in summaries}
        lines.append(_line(name, (_number(values.get(number, math.nan)) for number in streams)))
    return "\n".join(lines)


def _processor_table(cells: Sequence[Cell], names: Sequence[str], streams: Sequence[int]) -> str:
    costs: dict[tuple[str, int], list[float]] = {}
    for cell in cells:
        cost = 1e3 * cell.processor_seconds / cell.summary.tokens
        costs.setdefault((cell.row, cell.summary.streams), []).append(cost)
    title = "ms of processor a token, with caller"
    lines = [_line(title, (str(number) for number in streams))]
    for name in names:
        values = (median(costs.get((name, number), [math.nan])) for number in streams)
        lines.append(_line(name, (f"{value:.2f}" for value in values)))
    return "\n".join(lines)


def _ratio_table(found: Sequence[Ratio]) -> str:
    lines = ["ratio, median (range of the rounds)                streams  demanded"]
    for ratio in found:
        name = f"{ratio.bar.row} / {ratio.bar.against}, {ratio.bar.figure}"
        value = f"{ratio.value:.3f} ({ratio.lowest:.3f}-{ratio.highest:.3f})"
        demand = ""
        if ratio.least is not None:
            demand = f">= {ratio.least:.2f}  {'met' if ratio.met else 'NOT MET'}"
        lines.append(f"{name:46} {ratio.streams:3}  {value:22} {demand}".rstrip())
    return "\n".join(lines)


def _middle(summaries: Sequence[Summary]) -> Summary:
    def middle(figure: Figure) -> float:
        values = [value for value in map(figure, summaries) if not math.isnan(value)]
        return median(values) if values else math.nan

    return Summary(
        streams=summaries[0].streams,
        calls=sum(each.calls for each in summaries),
        tokens=sum(each.tokens for each in summaries),
        seconds=middle(lambda s: s.seconds),
        tokens_per_second=middle(lambda s: s.tokens_per_second),
        generation_tokens_per_second=middle(lambda s: s.generation_tokens_per_second),
        first_token_seconds=_percentiles(each.first_token_seconds for each in summaries),
        gap_seconds=_percentiles(each.gap_seconds for each in summaries),
    )


def _percentiles(several: Iterable[Percentiles]) -> Percentiles:
    given = list(several)
    return Percentiles(
        median(each.p50 for each in given),
        median(each.p95 for each in given),
        median(each.p99 for each in given),
    )


def _line(name: str, values: Iterable[str]) -> str:
    return f"{name:37}" + "".join(f"{value:>9}" for value in values)


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.1f}"
