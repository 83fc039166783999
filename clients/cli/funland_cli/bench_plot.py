"""Draws what was measured over the number of streams, as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from funland_cli.bench_statistics import Summary

_WIDTH, _HEIGHT = 640, 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 160, 36, 44
_COLOURS = ("#0b6e99", "#d9730d", "#448361", "#9065b0", "#c14c8a", "#cb912f", "#787774", "#d44c47")
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines over a number of streams. `lines` is name to points; NaN is left out."""

    title: str
    unit: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


_FIGURES: tuple[tuple[str, str, Callable[[Summary], float]], ...] = (
    ("All tokens", "tokens/s", lambda each: each.tokens_per_second),
    ("While all streams write", "tokens/s", lambda each: each.generation_tokens_per_second),
    ("Time to first token, p50", "ms", lambda each: 1e3 * each.first_token_seconds.p50),
    ("Between two tokens, p99", "ms", lambda each: 1e3 * each.gap_seconds.p99),
)


def charts(series: Mapping[str, Sequence[Summary]]) -> list[Chart]:
    """Throughput and waits over the number of streams, a line for each of the series."""
    return [
        Chart(
            title,
            unit,
            {
                name: [(each.streams, figure(each)) for each in line]
                for name, line in series.items()
            },
        )
        for title, unit, figure in _FIGURES
    ]


def svg(charts: Sequence[Chart]) -> str:
    """One SVG document with the charts below one another. Streams are on a logarithmic axis."""
    height = _HEIGHT * len(charts)
    body = "\n".join(_chart(chart, _HEIGHT * row) for row, chart in enumerate(charts))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}"'
        f' viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _chart(chart: Chart, top: int) -> str:
    lines = {
        name: [point for point in points if all(map(math.isfinite, point))]
        for name, points in chart.lines.items()
    }
    across = sorted({x for points in lines.values() for x, _ in points}) or [1.0]
    step = _tick_step(max((y for points in lines.values() for _, y in points), default=0.0))
    floor = top + _HEIGHT - _BOTTOM

    def place(x: float, y: float) -> tuple[float, float]:
        span = math.log(across[-1] / across[0]) or 1.0
        share = math.log(x / across[0]) / span
        return (
            _LEFT + share * (_WIDTH - _LEFT - _RIGHT),
            floor - y / (step * _TICKS) * (_HEIGHT - _TOP - _BOTTOM),
        )

    parts = [_text(_LEFT, top + 20, f"{chart.title}, {chart.unit}", "start", bold=True)]
    for tick in range(_TICKS + 1):
        _, y = place(across[0], step * tick)
        parts.append(_line([(_LEFT, y), (_WIDTH - _RIGHT, y)], "#e3e2e0", 1))
        parts.append(_text(_LEFT - 8, y + 4, f"{step * tick:g}", "end"))
    parts += [_text(place(x, 0)[0], floor + 18, f"{x:g}", "middle") for x in across]
    parts.append(_text((_LEFT + _WIDTH - _RIGHT) / 2, floor + 36, "streams", "middle"))
    for row, (name, points) in enumerate(lines.items()):
        colour = _COLOURS[row % len(_COLOURS)]
        places = [place(*point) for point in points]
        parts.append(_line(places, colour, 2))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        y = top + _TOP + 16 * row
        parts.append(_line([(_WIDTH - _RIGHT + 16, y), (_WIDTH - _RIGHT + 36, y)], colour, 2))
        parts.append(_text(_WIDTH - _RIGHT + 42, y + 4, name, "start"))
    return "\n".join(parts)


def _tick_step(largest: float) -> float:
    """The smallest of 1, 2, 5, 10, ... whose ticks reach the largest value."""
    if largest <= 0:
        return 1.0
    power = 10 ** math.floor(math.log10(largest / _TICKS))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor * _TICKS >= largest)


def _line(points: Sequence[tuple[float, float]], colour: str, width: int) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: float, text: str, anchor: str, *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
