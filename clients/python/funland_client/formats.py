"""What a text must be: JSON, a JSON Schema, a pydantic model, a grammar or a regular expression."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from google.protobuf.empty_pb2 import Empty
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from funland.v1.inference_pb2 import OutputFormat


@dataclass(frozen=True, slots=True)
class Grammar:
    """Text that a grammar describes, in GBNF, llama.cpp's form of it; it begins at `root`."""

    text: str


@dataclass(frozen=True, slots=True)
class Regex:
    """Text that matches a regular expression from begin to end, in the syntax of Rust's regex."""

    pattern: str


TextFormat = Literal["json_object"] | Mapping[str, Any] | Grammar | Regex | OutputFormat
"""What a text must be, for who reads it as a text. A mapping is a JSON Schema."""

Format = TextFormat | type[BaseModel]
"""What a text must be."""


def output_format(wanted: Format | None) -> OutputFormat | None:
    """Makes the contract's form of a format; None: any text."""
    match wanted:
        case None | OutputFormat():
            return wanted
        case "json_object":
            return OutputFormat(json_object=Empty())
        case Grammar(text):
            return OutputFormat(grammar=text)
        case Regex(pattern):
            return OutputFormat(regex=pattern)
        case Mapping():
            return OutputFormat(json_schema=json.dumps(wanted))
        case type() if issubclass(wanted, BaseModel):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may have no types
            schema = wanted.model_json_schema(schema_generator=ClosedSchema)
            return OutputFormat(json_schema=json.dumps(schema))
        case _:
            raise TypeError(
                f"format is {wanted!r}; it must be a pydantic model, a JSON Schema as a dictionary,"
                " Grammar, Regex or 'json_object'"
            )


class ClosedSchema(GenerateJsonSchema):
    """JSON Schemas for writing by, not for checking what was written.

    No keys beside the declared ones are allowed, unless a class asks for them: pydantic drops
    unknown keys when it reads, but who may write any key may write keys until the tokens end. What
    the server can't hold a text to is said another way: keys of a dictionary that are listed, and
    the items of a set, of which reading drops those that are there twice.
    """

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """Closes a model."""
        return _closed(super().model_schema(schema))

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        """Closes a dataclass."""
        return _closed(super().dataclass_schema(schema))

    def typed_dict_schema(self, schema: core_schema.TypedDictSchema) -> JsonSchemaValue:
        """Closes a typed dictionary."""
        return _closed(super().typed_dict_schema(schema))

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Lists the keys that a dictionary may have, if they are literals."""
        made = super().dict_schema(schema)
        keys = made.get("propertyNames", {}).get("enum")
        if keys is None:
            return made
        del made["propertyNames"]
        values = made.pop("additionalProperties", {})
        return made | {"properties": dict.fromkeys(keys, values), "additionalProperties": False}

    def set_schema(self, schema: core_schema.SetSchema) -> JsonSchemaValue:
        """Makes a list of a set."""
        made = super().set_schema(schema)
        del made["uniqueItems"]
        return made

    def frozenset_schema(self, schema: core_schema.FrozenSetSchema) -> JsonSchemaValue:
        """Makes a list of a set."""
        made = super().frozenset_schema(schema)
        del made["uniqueItems"]
        return made


def _closed(schema: JsonSchemaValue) -> JsonSchemaValue:
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema
