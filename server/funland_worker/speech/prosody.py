"""What the values of SSML's attributes mean, as numbers."""

from __future__ import annotations

import re
from typing import Final

RATES: Final = {
    "x-slow": 0.5, "slow": 0.8, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6,
}  # fmt: skip
PITCHES: Final = {
    "x-low": 0.7, "low": 0.85, "medium": 1.0, "default": 1.0, "high": 1.15, "x-high": 1.35,
}  # fmt: skip
VOLUMES: Final = {
    "silent": 0.0, "x-soft": 0.25, "soft": 0.5, "medium": 1.0, "default": 1.0, "loud": 1.4,
    "x-loud": 2.0,
}  # fmt: skip
PAUSES: Final = {
    "none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.8, "x-strong": 1.2,
}  # fmt: skip
EMPHASES: Final = {
    "none": (1.0, 1.0, 1.0), "reduced": (1.05, 0.98, 0.8), "moderate": (0.95, 1.03, 1.12),
    "strong": (0.9, 1.06, 1.25),
}  # fmt: skip
"""Of speed, pitch and gain, what each is multiplied with."""

_NUMBER: Final = r"(\d{1,6}(?:\.\d{1,6})?|\.\d{1,6})"
_PERCENT: Final = re.compile(rf"([+-]?){_NUMBER}%")
_PLAIN: Final = re.compile(_NUMBER)
_SEMITONES: Final = re.compile(rf"([+-]){_NUMBER}st")
_DECIBELS: Final = re.compile(rf"([+-]){_NUMBER}dB", re.IGNORECASE)
_TIME: Final = re.compile(rf"\+?{_NUMBER}(ms|s)")
_MOST_SHIFT: Final = 120.0
"""Of semitones or decibels: beyond that, numbers are absurd and may overflow."""


def rate(value: str) -> float | None:
    """A speed as a part of the present one: a word, `120%`, `+20%` or `1.2`; None: it is none."""
    if (known := RATES.get(value)) is not None:
        return known
    if (found := _PLAIN.fullmatch(value)) is not None:
        return float(found[1])
    return _percent(value)


def pitch(value: str) -> float | None:
    """A pitch as a part of the present one: a word, `+10%` or `-2st`; None: it is none."""
    if (known := PITCHES.get(value)) is not None:
        return known
    if (found := _SEMITONES.fullmatch(value)) is not None:
        return _power(2.0, found, 12.0)
    return _percent(value)


def volume(value: str) -> float | None:
    """What samples are multiplied with: a word or `-6dB`; None: it is none."""
    if (known := VOLUMES.get(value)) is not None:
        return known
    found = _DECIBELS.fullmatch(value)
    return _power(10.0, found, 20.0) if found is not None else None


def seconds(value: str) -> float | None:
    """A time such as `500ms` or `1.5s`; None: it is none."""
    if (found := _TIME.fullmatch(value)) is None:
        return None
    return float(found[1]) / (1000 if found[2] == "ms" else 1)


def _percent(value: str) -> float | None:
    if (found := _PERCENT.fullmatch(value)) is None:
        return None
    part = float(found[2]) / 100
    return {"+": 1 + part, "-": 1 - part, "": part}[found[1]]


def _power(base: float, found: re.Match[str], unit: float) -> float | None:
    size = float(found[2])
    if size > _MOST_SHIFT:
        return None
    return base ** ((size if found[1] == "+" else -size) / unit)
