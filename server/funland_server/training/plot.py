"""Draws losses as SVG: pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import floor, isfinite, log10
from typing import Final

from funland.v1.training_pb2 import TrainingCurve

WIDTH: Final = 960
HEIGHT: Final = 480
_LEAST: Final = 160
"""Pixels: below, there is no room for the axes."""
_COLOURS: Final = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000", "#999999",
)  # fmt: skip
"""Told apart by the colour-blind too: Okabe and Ito's, https://jfly.uni-koeln.de/color/"""
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 16, 44
_LINE: Final = 18
_TICKS: Final = 5
_NAME: Final = 60


def draw(curves: Sequence[TrainingCurve], width: int = 0, height: int = 0) -> str:
    """The losses of runs over their steps: a line for each, and a dotted one for its evaluations.
    Sizes are in pixels; 0: the default."""
    width, height = max(width or WIDTH, _LEAST), max(height or HEIGHT, _LEAST)
    losses = [
        loss
        for curve in curves
        for step in curve.steps
        for loss in (step.loss, step.evaluation_loss if step.HasField("evaluation_loss") else None)
        if loss is not None and isfinite(loss)
    ]
    last = max((step.step for curve in curves for step in curve.steps), default=1)
    lowest, highest = (min(losses), max(losses)) if losses else (0.0, 1.0)
    ys = ticks(lowest, highest)
    xs = ticks(1, max(last, 2))
    frame = _Frame(
        width, height, (1.0, float(max(last, 2))), (min(lowest, ys[0]), max(highest, ys[-1]))
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
        "<title>Training loss</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *frame.axes(xs, ys),
    ]
    for place, curve in enumerate(curves):
        parts += frame.curve(curve, _COLOURS[place % len(_COLOURS)], place)
    if not losses:
        parts.append(
            f'<text x="{width / 2:g}" y="{height / 2:g}" text-anchor="middle">no steps yet</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from about `low` to about `high`, at equal distances."""
    span = high - low
    if span <= 0:
        span = abs(high) or 1.0
        low, high = low - span / 2, high + span / 2
    raw = span / _TICKS
    power = 10.0 ** floor(log10(raw))
    distance = next(power * nice for nice in (1, 2, 5, 10) if power * nice >= raw)
    first = floor(low / distance + 1e-9)
    count = floor((high - first * distance) / distance + 1e-9) + 1
    return [float(f"{(first + place) * distance:.10g}") for place in range(count)]


class _Frame:
    """Where numbers lie on the picture."""

    def __init__(
        self, width: int, height: int, steps: tuple[float, float], losses: tuple[float, float]
    ) -> None:
        self._width, self._height = width, height
        self._steps, self._losses = steps, losses

    def axes(self, xs: Sequence[float], ys: Sequence[float]) -> list[str]:
        """The lines, the numbers at them, and what they are."""
        right, bottom = self._width - _RIGHT, self._height - _BOTTOM
        parts = [
            f'<path d="M{_LEFT} {_TOP}V{bottom}H{right}" fill="none" stroke="#333333"/>',
            f'<text x="{(_LEFT + right) / 2:g}" y="{self._height - 8}" text-anchor="middle">'
            "step</text>",
            f'<text transform="translate(14 {(_TOP + bottom) / 2:g}) rotate(-90)"'
            ' text-anchor="middle">loss (nats per token)</text>',
        ]
        for loss in ys:
            y = self._y(loss)
            if _TOP <= y <= bottom:
                parts.append(f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="#dddddd"/>')
                parts.append(
                    f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{loss:g}</text>'
                )
        for step in xs:
            x = self._x(step)
            if step >= 1 and step == int(step) and x <= right:
                parts.append(
                    f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{step:g}</text>'
                )
        return parts

    def curve(self, curve: TrainingCurve, colour: str, place: int) -> list[str]:
        """The lines of a run, and its name."""
        told = curve.name or curve.run_id
        name = escape(told if len(told) <= _NAME else told[: _NAME - 1] + "…")
        y = _TOP + 12 + place * _LINE
        right = self._width - _RIGHT
        parts = [
            f'<path d="M{right - 28} {y - 4}h24" stroke="{colour}" stroke-width="2"/>',
            f'<text x="{right - 34}" y="{y}" text-anchor="end">{name}</text>',
        ]
        learnt = [(step.step, step.loss) for step in curve.steps]
        kept_out = [
            (step.step, step.evaluation_loss)
            for step in curve.steps
            if step.HasField("evaluation_loss")
        ]
        for points, dashes in ((learnt, ""), (kept_out, ' stroke-dasharray="3 3"')):
            seen = [(step, loss) for step, loss in points if isfinite(loss)]
            if len(seen) == 1:
                ((step, loss),) = seen
                parts.append(
                    f'<circle cx="{self._x(step):.1f}" cy="{self._y(loss):.1f}" r="3"'
                    f' fill="{colour}"/>'
                )
            elif seen:
                where = " ".join(f"{self._x(step):.1f},{self._y(loss):.1f}" for step, loss in seen)
                parts.append(
                    f'<polyline points="{where}" fill="none" stroke="{colour}"'
                    f' stroke-width="1.5"{dashes}/>'
                )
        return parts

    def _x(self, step: float) -> float:
        first, last = self._steps
        return _LEFT + (step - first) / (last - first) * (self._width - _LEFT - _RIGHT)

    def _y(self, loss: float) -> float:
        low, high = self._losses
        part = (loss - low) / (high - low) if high > low else 0.5
        return self._height - _BOTTOM - part * (self._height - _TOP - _BOTTOM)
