"""Amounts as older APIs write them: bytes, speeds, times and numbers of weights, as short texts."""

from __future__ import annotations

import math
from typing import Final

# Anything above would round to 1000.
_NEXT_UNIT: Final = 999.95


def size(count: int) -> str:
    """A number of bytes in powers of 1000, such as `4.2GB` or `8GB`."""
    return _scaled(count, ("B", "KB", "MB", "GB", "TB"))


def rate(bytes_per_second: float) -> str:
    """A speed in powers of 1000, such as `10MB/s`."""
    return f"{size(round(bytes_per_second))}/s"


def clock(seconds: float) -> str:
    """A time as hours, minutes and seconds, rounded up: `00:01:00`. There may be over 99 hours."""
    whole = math.ceil(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}"


def weights(count: int) -> str:
    """How many weights a model has, as models are named after it: `7B`, `117M`."""
    return _scaled(count, ("", "K", "M", "B", "T"))


def gigabytes(count: int) -> float:
    """A number of bytes in units of 10^9, with three decimals."""
    return round(count / 1e9, 3)


def _scaled(count: int, units: tuple[str, ...]) -> str:
    amount = float(count)
    for unit in units[:-1]:
        if amount < _NEXT_UNIT:
            return f"{_short(amount)}{unit}"
        amount /= 1000
    return f"{_short(amount)}{units[-1]}"


def _short(amount: float) -> str:
    return f"{amount:.1f}".removesuffix(".0")
