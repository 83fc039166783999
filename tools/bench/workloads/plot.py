"""Draws how long each server took for each workload, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import median

from tools.bench.workloads.report import Cell

_WIDTH, _LEFT, _RIGHT = 640, 120, 150
_TOP, _BAR, _BETWEEN = 44, 16, 14
_COLOURS = ("#0b6e99", "#d9730d", "#448361", "#9065b0", "#c14c8a", "#cb912f")


def svg(cells: Sequence[Cell]) -> str:
    """A bar for each server and workload: the median of its times, by the longest of the
    workload. There is at least one cell."""
    servers = list(dict.fromkeys(one.server for one in cells))
    parts = [_text(_LEFT, 24, "Time of the whole, s; the longest of a workload is full", bold=True)]
    y = _TOP
    for workload in dict.fromkeys(one.workload for one in cells):
        times = {
            server: median(found)
            for server in servers
            if (found := _seconds(cells, workload, server))
        }
        longest = max(times.values()) or 1.0
        parts.append(_text(_LEFT - 8, y + _BAR * len(times) / 2 + 4, workload, "end"))
        for server, seconds in times.items():
            width = (_WIDTH - _LEFT - _RIGHT) * seconds / longest
            colour = _COLOURS[servers.index(server) % len(_COLOURS)]
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 2}"'
                f' fill="{colour}"/>'
            )
            parts.append(_text(_LEFT + width + 6, y + 11, f"{seconds:.1f} {server}"))
            y += _BAR
        y += _BETWEEN
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{y}"'
        f' viewBox="0 0 {_WIDTH} {y}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _seconds(cells: Sequence[Cell], workload: str, server: str) -> list[float]:
    return [
        one.figures.seconds for one in cells if (one.workload, one.server) == (workload, server)
    ]


def _text(x: float, y: float, text: str, anchor: str = "start", *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
