"""What is computed of a column."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from funland_plugin.bundled.describe_table.cells import (
    Cell,
    column_kind,
    has_decimal_comma,
    read_cell,
)

_FREQUENT: Final = 5
_LONGEST: Final = 80
"""Characters of a value that are told."""


def column(name: str, values: Sequence[Any], *, decimal_comma: bool = False) -> dict[str, Any]:
    """A column's description; `values` are its cells as they were read. Where a comma may stand
    before a fraction, one number that has it decides how all of the column are read."""
    decimal_comma = decimal_comma and any(map(has_decimal_comma, values))
    cells = [read_cell(value, decimal_comma=decimal_comma) for value in values]
    kind = column_kind(cell.kind for cell in cells)
    present = [
        (cell, value) for cell, value in zip(cells, values, strict=True) if cell.kind != "missing"
    ]
    if kind == "time" and len({cell.value.tzinfo is None for cell, _ in present}) > 1:
        kind = "text"  # times with and without a zone have no order
    known = [_value(cell, value, kind) for cell, value in present]
    return {
        "name": name,
        "type": kind,
        "count": len(known),
        "missing": len(values) - len(known),
        "distinct": len(set(known)),
        **_of_kind(kind, known),
    }


def _value(cell: Cell, told: Any, kind: str) -> Any:
    if kind == "number":
        return float(cell.value)
    if kind == "text":
        return told.strip() if isinstance(told, str) else str(cell.value)
    return cell.value


def _of_kind(kind: str, known: list[Any]) -> dict[str, Any]:
    if not known:
        return {}
    match kind:
        case "integer" | "number":
            return numbers(known)
        case "boolean":
            return {"true": sum(known), "false": len(known) - sum(known)}
        case "date" | "time":
            return {"min": _told(min(known)), "max": _told(max(known))}
        case _:
            lengths = [len(each) for each in known]
            return {
                "min_length": min(lengths),
                "max_length": max(lengths),
                "frequent": _frequent(known),
            }


def numbers(known: Sequence[float]) -> dict[str, Any]:
    """What numbers have. Quartiles are interpolated between the two nearest; the deviation is that
    of a sample, and null for a single number, or if it is larger than numbers can be."""
    ordered = sorted(known)
    count = len(ordered)
    mean = _mean(ordered)
    deviation = math.hypot(*(value - mean for value in ordered)) / math.sqrt(max(count - 1, 1))
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": mean,
        "deviation": deviation if count > 1 and math.isfinite(deviation) else None,
        "quartiles": [quantile(ordered, share) for share in (0.25, 0.5, 0.75)],
    }


def _mean(known: Sequence[float]) -> float:
    try:
        return math.fsum(known) / len(known)
    except OverflowError:
        return math.fsum(value / len(known) for value in known)


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of the numbers lies, between the two nearest of them."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    part = place - below
    first, second = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    if math.isfinite(second - first):
        return first + (second - first) * part
    return first * (1 - part) + second * part


def _frequent(known: list[str]) -> list[dict[str, Any]]:
    """The values that are there most often; those that are there once are not."""
    often = sorted(Counter(known).items(), key=lambda each: (-each[1], each[0]))
    return [
        {"value": value[:_LONGEST], "count": count}
        for value, count in often[:_FREQUENT]
        if count > 1
    ]


def _told(moment: Any) -> str:
    return moment.isoformat(" ") if isinstance(moment, datetime) else moment.isoformat()
