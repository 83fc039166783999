"""Whether a value fits the simple keywords of schemas that hold for it together: types, constants,
bounds and sizes."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, NamedTuple, cast

from funland_worker.constraints.subschemas import Json, Path, listed

_TYPES: dict[Any, type | UnionType] = {
    "null": NoneType,
    "boolean": bool,
    "integer": int | float,
    "number": int | float,
    "string": str,
    "array": list,
    "object": dict,
}
"""What Python's JSON has for a type; whole floats are integers."""
SIZES = {
    "string": ("minLength", "maxLength"),
    "array": ("minItems", "maxItems"),
    "object": ("minProperties", "maxProperties"),
}


class Part(NamedTuple):
    """A schema that holds for a value, with others."""

    path: Path
    schema: Any


Parts = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why there is no value."""

    path: Path
    why: str


def fault_of_constants(parts: Parts) -> tuple[bool, Fault | None]:
    """Whether constants leave only some values, and the fault if in truth they leave none."""
    left: list[Any] | None = None
    for part in parts:
        for keyword in ("const", "enum"):
            if keyword not in part.schema:
                continue
            values = listed(part.schema, "enum") if keyword == "enum" else [part.schema["const"]]
            if not values:
                return True, Fault((*part.path, keyword), "it has no values")
            known = set(map(_key, values))
            both = values if left is None else [one for one in left if _key(one) in known]
            left = [one for one in both if all(_fits(one, other.schema) for other in parts)]
            if not left:
                why = "no value of it is what else is asked for"
                return True, Fault((*part.path, keyword), why)
    return left is not None, None


def _key(value: Any) -> str:
    """The same for the same values: 1 and 1.0 are, 1 and true are not."""
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps(int(value) if whole else value, sort_keys=True)


def _fits(value: Any, schema: Json) -> bool:
    """Whether a value is what the simple keywords of a schema ask for."""
    if "type" in schema and not _has_type(value, schema["type"]):
        return False
    if isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        low, high, _ = _range((Part((), schema),))
        return low[0] <= value <= high[0] and not (
            (low[1] and value == low[0]) or (high[1] and value == high[0])
        )
    if isinstance(value, str | list | dict):
        kind = (
            "string" if isinstance(value, str) else "array" if isinstance(value, list) else "object"
        )
        least, most, _ = sizes((Part((), schema),), *SIZES[kind])
        return least <= len(cast("list[Any]", value)) <= most
    return True


def _has_type(value: Any, given: Any) -> bool:
    names = cast("list[Any]", given) if isinstance(given, list) else [given]
    if isinstance(value, bool):
        return "boolean" in names
    if isinstance(value, float) and not value.is_integer():
        return "number" in names
    kinds = (_TYPES.get(name, object) for name in names if isinstance(name, str))
    return any(isinstance(value, kind) for kind in kinds)


_Bound = tuple[float, bool]


def _range(parts: Parts) -> tuple[_Bound, _Bound, Path]:
    """The bounds of a number, each with whether it is none itself, and where the last one is."""
    low: _Bound = (-math.inf, False)
    high: _Bound = (math.inf, False)
    path: Path = ()
    for part in parts:
        for keyword, excluded in (("minimum", False), ("exclusiveMinimum", True)):
            value = part.schema.get(keyword)
            if _is_number(value) and (value, excluded) > low:
                low, path = (value, excluded), (*part.path, keyword)
        for keyword, excluded in (("maximum", False), ("exclusiveMaximum", True)):
            value = part.schema.get(keyword)
            if _is_number(value) and (value, not excluded) < (high[0], not high[1]):
                high, path = (value, excluded), (*part.path, keyword)
    return low, high, path


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def fault_of_bounds(parts: Parts) -> Fault | None:
    """Why no number is within all bounds."""
    (low, above), (high, below), path = _range(parts)
    empty = low > high or (low == high and (above or below))
    whole = any(part.schema.get("type") == "integer" for part in parts)
    if whole and not empty and math.isfinite(low) and math.isfinite(high):
        first = math.floor(low) + 1 if above else math.ceil(low)
        last = math.ceil(high) - 1 if below else math.floor(high)
        empty = first > last
    return Fault(path, "no number is within its bounds") if empty else None


def sizes(parts: Parts, least: str, most: str) -> tuple[int, float, Fault | None]:
    """The bounds of a size, and the fault if nothing is within them."""
    low, high = 0, math.inf
    path: Path = ()
    for part in parts:
        value = part.schema.get(least)
        if _is_number(value) and value > low:
            low, path = math.ceil(value), (*part.path, least)
        value = part.schema.get(most)
        if _is_number(value) and value < high:
            high, path = value, (*part.path, most)
    return low, high, Fault(path, f"{least} is above {most}") if low > high else None
