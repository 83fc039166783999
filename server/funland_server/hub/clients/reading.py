"""Reads values of hostile JSON: of the right type and in range, or not there at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

_UNSHOWN: Final = re.compile(r"[\x00-\x1f\x7f]+")
_LARGEST: Final = 2**53
"""JSON's largest safe integer."""
_LATEST: Final = 253_402_300_799
"""The last second that a timestamp can have."""
_MILLISECONDS: Final = 10**11

Object = Mapping[str, Any]


def mapping(value: Any) -> Object:
    """An object, or an empty one."""
    return cast("Object", value) if isinstance(value, dict) else {}


def mappings(value: Any) -> Iterator[Object]:
    """The objects of a list; whatever else it holds is passed over."""
    if isinstance(value, list):
        for one in cast("list[Any]", value):
            if isinstance(one, dict):
                yield cast("Object", one)


def text(value: Any, longest: int = 256) -> str:
    """A text in one line, cut off at so many characters; empty if it is none."""
    if not isinstance(value, str):
        return ""
    return _UNSHOWN.sub(" ", value[: 4 * longest]).strip()[:longest]


def texts(value: Any, most: int = 64, longest: int = 128) -> list[str]:
    """The texts of a list, each once; a text alone is a list of one. Cards hold numbers too."""
    values = cast("list[Any]", value) if isinstance(value, list) else [value]
    found: dict[str, None] = {}
    for one in values:
        is_number = isinstance(one, int | float) and not isinstance(one, bool)
        if told := text(str(one) if is_number else one, longest):
            found[told] = None
        if len(found) == most:
            break
    return list(found)


def number(value: Any, most: int = _LARGEST) -> int | None:
    """A whole number from 0 to `most`."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= most else None


def digest(value: Any, digits: int) -> str:
    """A hexadecimal number of so many digits, in lower case; quotes around it are an ETag's."""
    if not isinstance(value, str):
        return ""
    told = value.strip('"').lower()
    return told if re.fullmatch(rf"[0-9a-f]{{{digits}}}", told) else ""


def time(value: Any) -> datetime | None:
    """A time as ISO 8601 writes it, or in seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str):
            told = datetime.fromisoformat(value[:40])
            return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
        seconds = number(value, 1000 * _LATEST)
        if not seconds:
            return None
        return datetime.fromtimestamp(seconds / (1000 if seconds > _MILLISECONDS else 1), UTC)
    except (ValueError, OverflowError):
        return None
