"""Which of a message's fields a tool takes or tells, and by what names.

A tool shows an agent a few fields of the contract, those that lie deeper beside the others. What
they may hold, and what they mean, is read off the contract.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from funland_gateway.transcoding.schemas import Schema, Schemas, is_required

_WELL_KNOWN: Final = "google.protobuf"
_BARE: Final = ("format", "minimum", "maximum")
_EDGES: Final = (-(2**31), 2**31 - 1, -(2**63), 2**63 - 1, 2**64 - 1)
"""What a type can hold is no rule; and JavaScript can't hold the largest."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the contract's message."""

    path: str
    """Such as `sampling.temperature`."""
    name: str = ""
    """What the tool calls it. Empty: as the path's last step."""
    only: tuple[str | Field, ...] = ()
    """Of a message, those of its fields that are taken or told."""
    must: bool = False
    """Whether it must be there although the contract lets it be left out."""
    description: str = ""
    """What the tool says of it. Empty: what the contract says."""

    @property
    def told_name(self) -> str:
        """What the tool calls it."""
        return self.name or self.path.rpartition(".")[2]


def fields(*chosen: str | Field) -> tuple[Field, ...]:
    """Fields, those of which only the path is given under their own names."""
    return tuple(Field(one) if isinstance(one, str) else one for one in chosen)


def object_schema(
    schemas: Schemas, descriptor: Descriptor, chosen: Sequence[Field], *, asked: bool
) -> Schema:
    """The JSON schema of an object with these fields. `asked`: a caller makes it, so what the
    contract demands must be there. Raises `KeyError` for a path that there is not."""
    schema: Schema = {
        "type": "object",
        "properties": {
            field.told_name: _schema(schemas, descriptor, field, asked=asked) for field in chosen
        },
        "additionalProperties": False,
    }
    required = [
        field.told_name
        for field in chosen
        if field.must
        or (asked and "." not in field.path and is_required(descriptor.fields_by_name[field.path]))
    ]
    return {**schema, "required": required} if required else schema


def told_values(message: Mapping[str, Any], chosen: Iterable[Field]) -> dict[str, Any]:
    """These fields of an encoded message; what is not set is left out."""
    told: dict[str, Any] = {}
    for field in chosen:
        value: Any = message
        for step in field.path.split("."):
            value = value.get(step) if isinstance(value, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - it is JSON
        if value is not None:
            told[field.told_name] = _told(value, fields(*field.only))
    return told


def contract_value(
    arguments: Mapping[str, Any], chosen: Iterable[Field], fixed: Mapping[str, Any]
) -> dict[str, Any]:
    """The JSON of a message with arguments in their places, and `fixed` by paths where no argument
    stands. All names must be known."""
    by_name = {field.told_name: field.path for field in chosen}
    placed = {by_name[name]: value for name, value in arguments.items() if value is not None}
    root: dict[str, Any] = {}
    for path, value in {**fixed, **placed}.items():
        *parents, leaf = path.split(".")
        node = root
        for parent in parents:
            node = cast("dict[str, Any]", node.setdefault(parent, {}))
        node[leaf] = value
    return root


def argument_name(path: str, chosen: Iterable[Field]) -> str:
    """What the tool calls the field that the contract calls so, such as `sampling.stop[0]`."""
    for field in chosen:
        rest = path.removeprefix(field.path)
        if rest != path and (not rest or rest[0] in ".["):
            return field.told_name + rest
    return path


def _schema(schemas: Schemas, descriptor: Descriptor, field: Field, *, asked: bool) -> Schema:
    *parents, leaf = field.path.split(".")
    for parent in parents:
        inner = descriptor.fields_by_name[parent].message_type
        if inner is None:
            raise KeyError(f"{descriptor.full_name}.{parent} has no fields")
        descriptor = inner
    schema = _value_schema(schemas, descriptor.fields_by_name[leaf], fields(*field.only), asked)
    return {**schema, "description": field.description} if field.description else schema


def _value_schema(
    schemas: Schemas, field: FieldDescriptor, only: Sequence[Field], asked: bool
) -> Schema:
    inner = field.message_type
    schema = schemas.field(field)
    if inner is None or inner.GetOptions().map_entry or inner.file.package == _WELL_KNOWN:
        return _plain(schema)
    if not only:
        raise KeyError(f"{field.full_name}: which of its fields?")
    inside = object_schema(schemas, inner, only, asked=asked)
    if not field.is_repeated:
        return {**inside, "description": schema.get("description", "")}
    return {**schema, "items": inside}


def _plain(schema: Schema) -> Schema:
    """Without what only says how wide a number is."""
    if "items" in schema:
        return {**schema, "items": _plain(schema["items"])}
    return {
        key: value
        for key, value in schema.items()
        if key not in _BARE or (key != "format" and value not in _EDGES) or value == "date-time"
    }


def _told(value: Any, only: Sequence[Field]) -> Any:
    if not only:
        return value
    if isinstance(value, list):
        return [_told(item, only) for item in cast("list[Any]", value)]
    return told_values(value, only)
