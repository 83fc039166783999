"""The examples of an API's document as shapes, and whether an answer has all that one shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, cast

FOLDER: Final = Path(__file__).parent / "documents"

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "any": (object,),
}


def shape_of(dialect: str, name: str, *, failed: bool) -> Any:
    """The example of a name, or of what that has before one of its `-`; else what all have."""
    shapes = json.loads((FOLDER / f"{dialect}.json").read_text(encoding="utf-8"))
    parts = name.split("-")
    for length in range(len(parts), 0, -1):
        if shape := shapes.get("-".join(parts[:length])):
            return shape
    return shapes["error" if failed else "success"]


def lacks(shape: Any, answer: Any, place: str = "") -> Iterator[str]:
    """What an answer lacks of a shape, or has of another type. Null has any type."""
    if isinstance(shape, dict):
        if not isinstance(answer, dict):
            yield f"{place}: {answer!r} is no object"
            return
        fields = cast("dict[str, Any]", answer)
        for key, inner in cast("dict[str, Any]", shape).items():
            if key not in fields:
                yield f"{place}.{key} is not there"
            else:
                yield from lacks(inner, fields[key], f"{place}.{key}")
    elif isinstance(shape, list):
        if not isinstance(answer, list):
            yield f"{place}: {answer!r} is no list"
            return
        for index, item in enumerate(cast("list[Any]", answer)):
            yield from lacks(shape[0], item, f"{place}[{index}]")
    elif answer is not None:
        right = isinstance(answer, _TYPES[shape])
        if not right or (isinstance(answer, bool) and shape not in ("boolean", "any")):
            yield f"{place}: {answer!r} is no {shape}"
