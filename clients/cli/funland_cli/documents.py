"""Messages of the contract as JSON, in the shape that the REST API gives them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

_ANY = "google.protobuf.Value"
_LONG = {FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT64}


def document(message: Message) -> dict[str, Any]:
    """Makes the JSON object of a message: names in snake_case, 64-bit integers as numbers."""
    value = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    _numbers(value, message.DESCRIPTOR)
    return value


def _numbers(value: dict[str, Any], descriptor: Any) -> None:
    """Makes numbers of the 64-bit integers, which protobuf's own JSON writes as strings."""
    for field in _fields(descriptor):
        item = value.get(field.name)
        if item is None or _is_map(field):  # No map of the contract holds 64-bit integers.
            continue
        if field.cpp_type in _LONG:
            value[field.name] = [int(n) for n in item] if field.is_repeated else int(item)
        elif field.message_type is not None:
            if field.message_type.full_name == _ANY:
                value[field.name] = whole(item)
                continue
            for child in item if field.is_repeated else [item]:
                if not isinstance(child, str):  # Durations and times are strings in JSON.
                    _numbers(child, field.message_type)


def whole(value: Any) -> Any:
    """The same as JSON has it: of a `google.protobuf.Value` all numbers are floats."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _fields(descriptor: Descriptor) -> Iterable[FieldDescriptor]:
    return descriptor.fields


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry
