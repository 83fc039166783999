"""Reads cells: what each is by itself, and what a column of them is."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

MISSING: Final = frozenset({"", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "?"})
"""What stands for no value, in any case."""

_INTEGER: Final = re.compile(r"[+-]?(?:0|[1-9]\d{0,17})")
_GROUPED: Final = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(\.\d+)?")
_NUMBER: Final = re.compile(
    r"[+-]?(?:(?:0|[1-9]\d*)\.\d*|\.\d+|(?:0|[1-9]\d*)(?:\.\d*)?[eE][+-]?\d{1,3}|[1-9]\d{18,})"
)
_DECIMAL_COMMA: Final = re.compile(
    r"[+-]?(?:(?:0|[1-9]\d{0,2}(?:\.\d{3})+|[1-9]\d*),\d+|[1-9]\d{0,2}(?:\.\d{3})+)"
)
_SWITCHES: Final = {"true": True, "false": False, "yes": True, "no": False}
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:?\d{2})?"
)


@dataclass(frozen=True, slots=True)
class Cell:
    """A value and what it is: `integer`, `number`, `boolean`, `date`, `time`, `text`, `object` or
    `missing`."""

    kind: str
    value: Any


_LARGEST: Final = 10**18
_NOTHING: Final = Cell("missing", None)


def read_cell(cell: Any, *, decimal_comma: bool = False) -> Cell:
    """What a cell is by itself. What has zeros in front is a text: so are codes written."""
    match cell:
        case None:
            return _NOTHING
        case bool():
            return Cell("boolean", cell)
        case int():
            return Cell("integer", cell) if abs(cell) < _LARGEST else _number(str(cell))
        case float():
            return Cell("number", cell) if math.isfinite(cell) else _NOTHING
        case str():
            return _read_text(cell.strip(), decimal_comma)
        case _:
            return Cell("object", json.dumps(cell, sort_keys=True, ensure_ascii=False))


def _read_text(text: str, decimal_comma: bool) -> Cell:
    plain = text.casefold()
    if plain in MISSING:
        return _NOTHING
    if plain in _SWITCHES:
        return Cell("boolean", _SWITCHES[plain])
    digits = _digits(text, decimal_comma)
    return _number(digits) if digits else _moment(text) or Cell("text", text)


def _digits(text: str, decimal_comma: bool) -> str:
    """A number as Python reads it; empty if it is none."""
    if decimal_comma and _DECIMAL_COMMA.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    if _INTEGER.fullmatch(text) or _NUMBER.fullmatch(text):
        return text
    return text.replace(",", "") if _GROUPED.fullmatch(text) and not decimal_comma else ""


def has_decimal_comma(cell: Any) -> bool:
    """Whether it is a number with a comma before its fraction, where no comma parts thousands."""
    return (
        isinstance(cell, str) and "," in cell and _DECIMAL_COMMA.fullmatch(cell.strip()) is not None
    )


def _number(digits: str) -> Cell:
    if _INTEGER.fullmatch(digits):
        return Cell("integer", int(digits))
    value = float(digits)
    return Cell("number", value) if math.isfinite(value) else Cell("text", digits)


def _moment(text: str) -> Cell | None:
    try:
        if _DAY.fullmatch(text):
            return Cell("date", date.fromisoformat(text))
        if _TIME.fullmatch(text):
            return Cell("time", datetime.fromisoformat(text.replace("Z", "+00:00")))
    except ValueError:
        return None
    return None


def column_kind(kinds: Iterable[str]) -> str:
    """What a column is whose cells are of these kinds: what all are, `number` where some are whole;
    of different kinds `text`; of none `missing`."""
    found = set(kinds) - {"missing"}
    if not found:
        return "missing"
    if found == {"integer", "number"}:
        return "number"
    return found.pop() if len(found) == 1 else "text"
