"""Reads sizes and time spans as people write them."""

from __future__ import annotations

import re
from typing import Final

import typer

_SECONDS: Final = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_BYTES: Final = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_FOREVER: Final = -1.0
_AMOUNT: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)


def seconds(text: str) -> float:
    """Reads `90`, `90s`, `10m`, `2h`, `1d`; `forever` is -1. Anything else is wrong usage."""
    if text in {"forever", "-1"}:
        return _FOREVER
    return _read(text, _SECONDS, "a time such as 90s, 10m, 2h or forever")


def size_in_bytes(text: str) -> int:
    """Reads `512MB`, `4GB`, `4GiB` or a number of bytes. Else it is wrong usage."""
    return round(_read(text, _BYTES, "a size such as 512MiB or 4GB"))


def _read(text: str, units: dict[str, int], wanted: str) -> float:
    amount = _AMOUNT.fullmatch(text.strip())
    if amount is None or (unit := units.get(amount[2].lower())) is None:
        raise typer.BadParameter(f"{text!r} is not {wanted}.")
    return float(amount[1]) * unit
