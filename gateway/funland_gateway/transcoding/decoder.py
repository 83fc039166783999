"""Compiles message types into decoders: JSON in, a message out, or the name of the wrong field.

The JSON is protobuf's own, read strictly: unknown fields are errors, only 64-bit integers may be
strings, and numbers are finite. Enum names count in any case. null means unset.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import NULL_VALUE, Struct

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.failures import failure, invalid_field
from funland_gateway.transcoding.scalars import Convert, Misfit, finite, from_text, kind, scalar

Fill = Callable[[Any, object], None]  # writes a JSON value into a message, or into a field of it
Put = Callable[[Any, Any, object], None]  # writes a JSON value into a map, under a key

_ANY = "google.protobuf.Value"
_ANY_LEVELS = 16  # each takes three of the hundred that protobuf reads
_NAME = Struct.DESCRIPTOR.nested_types_by_name["FieldsEntry"].fields_by_name["key"]
_LONGEST_NAME = 64  # of a field that isn't ours, in an answer


def decode(descriptor: Descriptor, value: object) -> Message:
    """Makes a message of type `descriptor` from parsed JSON.

    Raises `CallFailed` with FIELD_INVALID and the path of the first field that does not fit, or
    BODY_MALFORMED if the whole is not an object.
    """
    message = GetMessageClass(descriptor)()
    try:
        filler(descriptor)(message, value)
    except Misfit as misfit:
        if not misfit.path:
            raise failure(
                "INVALID_ARGUMENT", ErrorReason.BODY_MALFORMED, f"The body {misfit.problem}."
            ) from misfit
        raise invalid_field(misfit.path, misfit.problem) from misfit
    return message


_fillers: dict[str, Fill] = {}


def filler(descriptor: Descriptor) -> Fill:
    """The compiled decoder of a message type, made at the first call for it.

    Raises `TypeError` for a well-known type that has no decoder.
    """
    known = _fillers.get(descriptor.full_name)
    if known is None:
        if descriptor.full_name in ("google.protobuf.Timestamp", "google.protobuf.Duration"):
            return _fill_time
        if descriptor.full_name == _ANY:
            return _fill_any
        if descriptor.file.package == "google.protobuf" and descriptor.name != "Empty":
            raise TypeError(f"{descriptor.full_name} has no decoder")
        known = _fillers[descriptor.full_name] = decoder = _MessageDecoder(descriptor)
        decoder.compile()  # after it is known, so that a type may hold itself
    return known


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    group: str
    """What may be given once: the oneof, or else the field."""
    write: Fill
    takes_null: bool
    """Whether null is a value of it, and not the same as leaving it out."""


class _MessageDecoder:
    def __init__(self, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._fields: dict[str, _Field] = {}

    def compile(self) -> None:
        for descriptor in self._descriptor.fields:
            oneof = descriptor.containing_oneof
            group = oneof.full_name if oneof else descriptor.full_name
            inside = descriptor.message_type
            takes_null = inside is not None and inside.full_name == _ANY
            field = _Field(descriptor.name, group, _writer(descriptor), takes_null)
            self._fields[descriptor.name] = self._fields[descriptor.json_name] = field

    def __call__(self, message: Any, value: object) -> None:
        if not isinstance(value, dict):
            raise Misfit(f"must be an object, not {kind(value)}")
        given: dict[str, str] = {}
        for key, item in cast("dict[str, object]", value).items():
            field = self._fields.get(key)
            if field is None:
                raise self._unknown(key)
            if item is None and not field.takes_null:
                continue
            earlier = given.setdefault(field.group, key)
            if earlier != key:
                twice = field is self._fields[earlier]
                problem = "is given twice" if twice else f"can't be set together with {earlier}"
                raise Misfit(problem).under(field.name)
            try:
                field.write(message, item)
            except Misfit as misfit:
                raise misfit.under(field.name) from None

    def _unknown(self, key: str) -> Misfit:
        name = key[:_LONGEST_NAME]
        close = difflib.get_close_matches(name, [f.name for f in self._fields.values()], n=1)
        hint = f"; perhaps {close[0]} is meant" if close else ""
        problem = f"is not a field of {self._descriptor.name}{hint}"
        return Misfit(problem).under(name if name.isidentifier() else f"[{json.dumps(name)}]")


def _writer(field: FieldDescriptor) -> Fill:
    message_type = field.message_type
    if message_type is None:
        return (_scalars if field.is_repeated else _scalar)(field.name, scalar(field))
    if message_type.GetOptions().map_entry:
        return _map(field.name, message_type)
    return (_messages if field.is_repeated else _message)(field.name, filler(message_type))


def _scalar(name: str, convert: Convert) -> Fill:
    def write(message: Any, value: object) -> None:
        try:
            setattr(message, name, convert(value))
        except UnicodeEncodeError:
            raise Misfit("must be valid Unicode") from None

    return write


def _message(name: str, fill: Fill) -> Fill:
    def write(message: Any, value: object) -> None:
        part = getattr(message, name)
        part.SetInParent()  # {} is a message that is there, too
        fill(part, value)

    return write


def _scalars(name: str, convert: Convert) -> Fill:
    def write(message: Any, value: object) -> None:
        items: list[Any] = []
        _each(value, lambda item: items.append(convert(item)))
        try:
            getattr(message, name).extend(items)
        except UnicodeEncodeError:
            raise Misfit("must be valid Unicode") from None

    return write


def _messages(name: str, fill: Fill) -> Fill:
    def write(message: Any, value: object) -> None:
        items = getattr(message, name)
        _each(value, lambda item: fill(items.add(), item))

    return write


def _each(value: object, take: Callable[[object], None]) -> None:
    if not isinstance(value, list):
        raise Misfit(f"must be a list, not {kind(value)}")
    for index, item in enumerate(cast("list[object]", value)):
        try:
            take(item)
        except Misfit as misfit:
            raise misfit.under(f"[{index}]") from None


def _map(name: str, entry: Descriptor) -> Fill:
    key_field, value_field = entry.fields_by_name["key"], entry.fields_by_name["value"]
    value_type = value_field.message_type
    if value_type is None:
        convert = scalar(value_field)

        def put(items: Any, key: object, item: object) -> None:
            items[key] = convert(item)
    else:
        fill = filler(value_type)

        def put(items: Any, key: object, item: object) -> None:
            fill(items[key], item)

    def write(message: Any, value: object) -> None:
        _entries(getattr(message, name), key_field, value, put)

    return write


def _entries(items: Any, key_field: FieldDescriptor, value: object, put: Put) -> None:
    if not isinstance(value, dict):
        raise Misfit(f"must be an object, not {kind(value)}")
    convert_key = scalar(key_field)
    for text, item in cast("dict[str, object]", value).items():
        step = f"[{json.dumps(text[:_LONGEST_NAME])}]"
        try:
            key = convert_key(from_text(key_field, text))
        except Misfit as misfit:
            raise Misfit(f"has a key that {misfit.problem}").under(step) from None
        if not isinstance(key, str):
            step = f"[{json.dumps(key)}]"  # as the server writes it
        try:
            put(items, key, item)
        except Misfit as misfit:
            raise misfit.under(step) from None
        except UnicodeEncodeError:
            raise Misfit("must be valid Unicode").under(step) from None


def _fill_any(message: Any, value: object, levels: int = _ANY_LEVELS) -> None:
    """Makes a `google.protobuf.Value` of any JSON. Its numbers are of 64 bits, and finite."""
    if value is None:
        message.null_value = NULL_VALUE
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, str):
        try:
            message.string_value = value
        except UnicodeEncodeError:
            raise Misfit("must be valid Unicode") from None
    elif isinstance(value, int | float):
        message.number_value = finite(value)
    elif not levels:
        raise Misfit(f"must not nest deeper than {_ANY_LEVELS} levels")
    elif isinstance(value, list):
        message.list_value.SetInParent()
        items = message.list_value.values
        _each(cast("object", value), lambda item: _fill_any(items.add(), item, levels - 1))
    else:
        message.struct_value.SetInParent()
        fields = message.struct_value.fields
        _entries(
            fields, _NAME, value, lambda _, key, item: _fill_any(fields[key], item, levels - 1)
        )


def _fill_time(message: Any, value: object) -> None:
    if not isinstance(value, str):
        raise Misfit(f"must be a string, not {kind(value)}")
    try:
        message.FromJsonString(value)
    except ValueError:
        form = "2030-01-31T12:00:00Z" if message.DESCRIPTOR.name == "Timestamp" else "1.5s"
        raise Misfit(f"must be a {message.DESCRIPTOR.name.lower()} such as {form}") from None
