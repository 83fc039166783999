"""Compiles message types into encoders: a message in, JSON's values out.

The JSON is what `json_format` writes with its fields' proto names and defaults shown, except that
64-bit integers are numbers.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import orjson
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, OneofDescriptor
from google.protobuf.message import Message

Convert = Callable[[Any], Any]
Write = Callable[[Any, dict[str, Any]], None]

_WHOLE = 2**53  # from here on not every whole number is one of 64 bits
_encoders: dict[tuple[str, bool], Convert] = {}


def encode(message: Message, *, sparse: bool = False) -> dict[str, Any]:
    """Turns a message into a dict for `orjson.dumps`.

    Names are in snake_case, enums are names, bytes base64, times and durations protobuf's strings.
    Fields without presence are always there; those with presence when they are set. `sparse` leaves
    out texts, bytes, lists and maps that are empty and have no presence; numbers stay.
    """
    return encoder(cast("Descriptor", message.DESCRIPTOR), sparse=sparse)(message)


def encoder(descriptor: Descriptor, *, sparse: bool = False) -> Convert:
    """The compiled encoder of a message type, made at the first call for it.

    Raises `TypeError` for a well-known type that has no encoder.
    """
    known = _encoders.get((descriptor.full_name, sparse))
    if known is None:
        if descriptor.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
            return lambda message: message.ToJsonString()
        if descriptor.full_name == "google.protobuf.Value":
            return _any_value
        if descriptor.file.package == "google.protobuf" and descriptor.name != "Empty":
            raise TypeError(f"{descriptor.full_name} has no encoder")
        writes: list[Write] = []

        def run(message: Any) -> dict[str, Any]:
            out: dict[str, Any] = {}
            for write in writes:
                write(message, out)
            return out

        known = _encoders[descriptor.full_name, sparse] = run
        # After it is known, so that a type may hold itself.
        writes.extend(_writes(descriptor, sparse))
    return known


def _writes(descriptor: Descriptor, sparse: bool) -> list[Write]:
    writes: list[Write] = []
    oneofs: set[str] = set()
    for field in descriptor.fields:
        oneof = field.containing_oneof
        if oneof is None:
            writes.append(_write(field, sparse))
        elif oneof.name not in oneofs:
            oneofs.add(oneof.name)
            writes.append(_write_oneof(oneof, sparse))
    return writes


def _write(field: FieldDescriptor, sparse: bool) -> Write:
    name = field.name
    if field.has_presence:
        convert = _value(field, sparse)

        def write_if_set(message: Any, out: dict[str, Any]) -> None:
            if message.HasField(name):
                out[name] = convert(getattr(message, name))

        return write_if_set

    convert = _convert(field, sparse)
    if sparse and (field.is_repeated or field.cpp_type == FieldDescriptor.CPPTYPE_STRING):

        def write_if_any(message: Any, out: dict[str, Any]) -> None:
            value = getattr(message, name)
            if value:
                out[name] = convert(value)

        return write_if_any

    def write(message: Any, out: dict[str, Any]) -> None:
        out[name] = convert(getattr(message, name))

    return write


def _write_oneof(oneof: OneofDescriptor, sparse: bool) -> Write:
    converts = {field.name: _value(field, sparse) for field in oneof.fields}
    oneof_name = oneof.name

    def write(message: Any, out: dict[str, Any]) -> None:
        name = message.WhichOneof(oneof_name)
        if name is not None:
            out[name] = converts[name](getattr(message, name))

    return write


def _convert(field: FieldDescriptor, sparse: bool) -> Convert:
    if not field.is_repeated:
        return _value(field, sparse)
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key = _key(entry.fields_by_name["key"])
        value = _value(entry.fields_by_name["value"], sparse)
        return lambda items: {key(k): value(items[k]) for k in items}
    if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
        return _shortest_floats
    convert = _value(field, sparse)
    return list if convert is _same else lambda items: [convert(item) for item in items]


def _value(field: FieldDescriptor, sparse: bool) -> Convert:
    if field.message_type is not None:
        return encoder(field.message_type, sparse=sparse)
    if field.enum_type is not None:
        return _enum(field.enum_type)
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: base64.b64encode(value).decode()
    if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT:
        return lambda value: _shortest_floats([value])[0]
    if field.cpp_type == FieldDescriptor.CPPTYPE_DOUBLE:
        return _finite_or_named
    return _same


def _any_value(value: Any) -> Any:
    """What a `google.protobuf.Value` holds; whole numbers without a point, as `json_format` has
    them."""
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return {key: _any_value(item) for key, item in value.struct_value.fields.items()}
    if kind == "list_value":
        return [_any_value(item) for item in value.list_value.values]
    if kind == "number_value":
        number = value.number_value
        if not math.isfinite(number):
            raise ValueError("a google.protobuf.Value has no number that JSON lacks")
        return int(number) if number.is_integer() and abs(number) < _WHOLE else number
    return None if kind in (None, "null_value") else getattr(value, kind)


def _key(field: FieldDescriptor) -> Convert:
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return lambda key: "true" if key else "false"
    return str


def _enum(enum: EnumDescriptor) -> Convert:
    names = {value.number: value.name for value in enum.values}
    return lambda number: names.get(number, number)


def _same(value: Any) -> Any:
    return value


def _finite_or_named(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _shortest_floats(values: Any) -> list[Any]:
    # orjson writes float32 with the fewest digits that read back the same, fast enough for vectors.
    array = np.array(values, dtype=np.float32)
    numbers = orjson.loads(orjson.dumps(array, option=orjson.OPT_SERIALIZE_NUMPY))
    if np.isfinite(array).all():
        return numbers
    return [
        _finite_or_named(float(value)) if number is None else number
        for value, number in zip(array, numbers, strict=True)
    ]
