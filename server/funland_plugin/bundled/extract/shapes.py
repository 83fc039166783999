"""What a model's answer must look like: a record by the caller's schema, or a list of such."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

RECORDS: Final = "records"

_DEFINITIONS: Final = ("$defs", "definitions")


class SchemaError(Exception):
    """The caller's schema can't be that of a record here."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What is asked for."""

    schema: Mapping[str, Any]
    """Of an answer."""
    many: bool


def shape(schema: Mapping[str, Any], *, many: bool) -> Shape:
    """The shape for records by a schema. Raises SchemaError for one that refers to what moves."""
    for reference in _references(schema):
        if not reference.startswith(tuple(f"#/{name}/" for name in _DEFINITIONS)):
            raise SchemaError(
                f"input.schema: it refers to {reference!r}, but may refer to its own $defs and"
                " definitions alone."
            )
    listed = schema.get("type") == "array"
    if not many and not listed:
        return Shape(schema, many=False)
    own = {name: schema[name] for name in _DEFINITIONS if name in schema}
    rest = {name: value for name, value in schema.items() if name not in _DEFINITIONS}
    records = rest if listed else {"type": "array", "items": rest}
    return Shape(
        {
            "type": "object",
            "properties": {RECORDS: records},
            "required": [RECORDS],
            "additionalProperties": False,
            **own,
        },
        many=True,
    )


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in cast("dict[str, object]", value).items():
            if name == "$ref" and isinstance(inner, str):
                yield inner
            elif name not in ("const", "enum", "default", "examples"):
                yield from _references(inner)
    elif isinstance(value, list):
        for inner in cast("list[object]", value):
            yield from _references(inner)
