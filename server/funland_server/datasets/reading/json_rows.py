"""JSON as rows must have it: strict where readers elsewhere guess."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, cast

Row = dict[str, Any]

_DEEPEST: Final = 64
"""Levels of a row."""


_TYPES: Final[Mapping[str, str]] = {
    "bool": "boolean", "int": "number", "float": "number", "str": "string",
    "list": "array", "tuple": "array", "dict": "object",
}  # fmt: skip


class BadRowError(Exception):
    """A row can't be used; the text says why."""


def parsed(text: str) -> Row:
    """The object that a text is.

    Raises:
        BadRowError: It is no object; or has a name twice, what is no number, or half of a
            character, on all of which readers disagree.
    """
    try:
        row: Any = json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise BadRowError(f"it is no JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise BadRowError("it nests too deep") from None
    except ValueError:  # a number of thousands of digits
        raise BadRowError("it has a number that is too long") from None
    if not isinstance(row, dict):
        raise BadRowError(f"it is {type_name(row)}, and no object")
    found = cast("Row", row)
    check_depth(found)
    return found


def check_depth(value: Any, depth: int = 0) -> None:
    """Raises BadRowError for what nests deeper than 64 levels."""
    if depth > _DEEPEST:
        raise BadRowError("it nests too deep")
    if isinstance(value, dict):
        for each in cast("Row", value).values():
            check_depth(each, depth + 1)
    elif isinstance(value, list):
        for each in cast("list[Any]", value):
            check_depth(each, depth + 1)


def type_name(value: Any) -> str:
    """What JSON calls a value's type."""
    if value is None:
        return "null"
    name = str(value.__class__.__name__)
    return _TYPES.get(name, name)


def _object(pairs: list[tuple[str, Any]]) -> Row:
    row = dict(pairs)
    if len(row) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise BadRowError(f"it has the name {name[:40]!r} twice")
            seen.add(name)
    return row


def _no_number(told: str) -> Any:
    raise BadRowError(f"it has {told}, which is no number of JSON")
