"""Settings' values on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Value


def to_wire(value: Any) -> Value:
    """A value of JSON that is a scalar, null or a list of them."""
    if value is None:
        return Value(null_value=NULL_VALUE)
    if isinstance(value, bool):
        return Value(bool_value=value)
    if isinstance(value, int | float):
        return Value(number_value=value)
    if isinstance(value, list):
        items = cast("Sequence[Any]", value)
        return Value(list_value=ListValue(values=[to_wire(item) for item in items]))
    return Value(string_value=value)


def from_wire(value: Value) -> Any:
    """Any JSON. A number is whole if it is one, as protobuf does not tell 1 from 1.0."""
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "list_value":
        return [from_wire(item) for item in value.list_value.values]
    if kind == "struct_value":
        return {key: from_wire(item) for key, item in value.struct_value.fields.items()}
    return None if kind in (None, "null_value") else getattr(value, kind)
