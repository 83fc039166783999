"""JSON Schemas of the dialects' bodies, in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funland_gateway.dialects.dialect import JsonSchema

STRING: Final[JsonSchema] = {"type": "string"}
INTEGER: Final[JsonSchema] = {"type": "integer"}
NUMBER: Final[JsonSchema] = {"type": "number"}
BOOLEAN: Final[JsonSchema] = {"type": "boolean"}
TIME: Final[JsonSchema] = {"type": "string", "format": "date-time"}
TOKEN: Final[JsonSchema] = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
"""A token's id."""

_ABOUT: Final = ("description", "default")


def described(schema: JsonSchema, description: str, **rest: Any) -> JsonSchema:
    """The schema with a description and further keywords, such as `default`."""
    return {**schema, "description": description, **rest}


def nullable(schema: JsonSchema) -> JsonSchema:
    """The schema's values, or null. What describes it stays outside, where it is read first."""
    inner = {key: value for key, value in schema.items() if key not in _ABOUT}
    about = {key: value for key, value in schema.items() if key in _ABOUT}
    return {**any_of(inner, {"type": "null"}), **about}


def body_with(properties: Mapping[str, JsonSchema], required: Sequence[str] = ()) -> JsonSchema:
    """The object that a request is: a field that may be left out may be null too."""
    told = {
        name: schema if name in required else nullable(schema)
        for name, schema in properties.items()
    }
    return object_with(told, required)


def any_of(*schemas: JsonSchema) -> JsonSchema:
    """The values of any of the schemas."""
    return {"anyOf": list(schemas)}


def one_of_values(*values: str) -> JsonSchema:
    """One of some strings."""
    return {"type": "string", "enum": list(values)}


def array_of(items: JsonSchema) -> JsonSchema:
    """A list."""
    return {"type": "array", "items": items}


def object_with(properties: Mapping[str, JsonSchema], required: Sequence[str] = ()) -> JsonSchema:
    """An object; its other fields are ignored."""
    schema: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    if required:
        schema["required"] = list(required)
    return schema
