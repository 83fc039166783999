"""Reads what stands in `parameters` of speech and pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor

from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.reading import JsonObject, chosen
from funland_gateway.dialects.rules import field_schema
from funland_gateway.dialects.schemas import INTEGER, described, one_of_values

Read = Callable[[JsonObject, str], Any]


@dataclass(frozen=True, slots=True)
class Reader:
    """How a parameter is read, which has the name of the contract's field."""

    read: Read
    schema: JsonSchema | None = None
    """None: that of the contract's field."""


NUMBER: Final = Reader(JsonObject.number)
WHOLE: Final = Reader(JsonObject.integer)
SWITCH: Final = Reader(JsonObject.boolean)
TEXT: Final = Reader(lambda body, name: body.optional_string(name) or None)


def _seed(body: JsonObject, name: str) -> int | None:
    seed = body.integer(name, bits=64)
    return None if seed is None or seed == -1 else seed & 0xFFFFFFFF


SEED: Final = Reader(
    _seed, {**INTEGER, "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1}
)
"""Any number of 64 bits, folded to 32; -1 is none."""


def words_of(values: EnumDescriptor) -> dict[str, Any]:
    """An enum's values by their names in small letters, but for the one that says nothing."""
    return {value.name.lower(): value.number for value in values.values if value.number}


def word_of(values: EnumDescriptor) -> Reader:
    """One of an enum's values."""
    words = words_of(values)

    def read(body: JsonObject, name: str) -> Any:
        return chosen(body.path_of(name), body.optional_string(name), words, None)

    return Reader(read, one_of_values("", *words))


def read(body: JsonObject, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The parameters that a body has, by their names."""
    told = {name: reader.read(body, name) for name, reader in readers.items()}
    return {name: value for name, value in told.items() if value is not None}


def schemas(message: Descriptor, readers: Mapping[str, Reader]) -> dict[str, JsonSchema]:
    """The schemas of all parameters, whose meanings the contract has."""
    return {
        name: described(
            reader.schema or field_schema(message.fields_by_name[name]),
            f"`{message.name}.{name}` of the contract.",
        )
        for name, reader in readers.items()
    }


def parameters_of(body: JsonObject) -> JsonObject:
    """The object of that name; empty where there is none."""
    return body.object("parameters") or JsonObject({}, body.path_of("parameters"))
