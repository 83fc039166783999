"""Amounts of memory as the `inference` document writes them."""

from __future__ import annotations

from typing import Final

# Anything above would round to 1000.
_NEXT_UNIT: Final = 999.95


def size(count: int) -> str:
    """A number of bytes in powers of 1000, such as `4.2GB` or `8GB`."""
    amount = float(count)
    for unit in ("B", "KB", "MB", "GB"):
        if amount < _NEXT_UNIT:
            return f"{_short(amount)}{unit}"
        amount /= 1000
    return f"{_short(amount)}TB"


def _short(amount: float) -> str:
    return f"{amount:.1f}".removesuffix(".0")
