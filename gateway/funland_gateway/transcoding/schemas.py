"""Turns message types and their validation rules into JSON schemas."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from funland_gateway.transcoding.between_fields import between_fields
from funland_gateway.transcoding.encoder import encode

Schema = dict[str, Any]

_KEYWORDS = {
    "gt": "exclusiveMinimum",
    "gte": "minimum",
    "lt": "exclusiveMaximum",
    "lte": "maximum",
    "min_len": "minLength",
    # A text has no more characters than bytes, so this rule is never too strict.
    "max_bytes": "maxLength",
    "max_len": "maxLength",
    "pattern": "pattern",
}
_SCALARS: dict[int, Schema] = {
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.CPPTYPE_DOUBLE: {"type": "number"},
    FieldDescriptor.CPPTYPE_FLOAT: {"type": "number"},
    FieldDescriptor.CPPTYPE_INT32: {
        "type": "integer",
        "format": "int32",
        "minimum": -(2**31),
        "maximum": 2**31 - 1,
    },
    FieldDescriptor.CPPTYPE_INT64: {
        "type": "integer",
        "format": "int64",
        "minimum": -(2**63),
        "maximum": 2**63 - 1,
    },
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    FieldDescriptor.CPPTYPE_UINT64: {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.Value": {"description": "Any JSON."},
    "google.protobuf.Empty": {"type": "object", "additionalProperties": False},
}
_HIDING = frozenset(
    {
        "Any",
        "AuthenticatedClient",
        "Client",
        "Date",
        "Error",
        "File",
        "Map",
        "Object",
        "Promise",
        "Record",
        "Request",
        "Response",
        "Set",
        "Unset",
    }
)
"""Names that generators and their languages have for things of their own, which a schema's class
of the same name would hide."""


class Schemas:
    """The schemas of the messages that were asked for, and of those inside them.

    `comments` become the descriptions, by full name. In messages that callers send, which are
    `requests` and what is inside of them, null is a field that is not set. An answer that repeats a
    request may leave out of it what had to be sent, so there it has a schema of its own.
    """

    def __init__(self, comments: Mapping[str, str], requests: Iterable[Descriptor] = ()) -> None:
        self._comments = comments
        requests = tuple(requests)
        self._requests = {request.full_name for request in requests}
        self._sent: set[str] = set()
        for request in requests:
            self._follow(request)
        self.components: dict[str, Schema] = {}

    def reference(self, descriptor: Descriptor) -> Schema:
        """A reference to the message's schema among `components`."""
        if descriptor.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[descriptor.full_name])
        name = _name(descriptor)
        return self._component(f"{name}Object" if name in _HIDING else name, descriptor)

    def _component(self, name: str, descriptor: Descriptor, *, repeated: bool = False) -> Schema:
        if name not in self.components:
            self.components[name] = {}  # a message may hold itself
            schema = self.message(descriptor)
            self.components[name].update(_without_musts(schema) if repeated else schema)
        return {"$ref": f"#/components/schemas/{name}"}

    def message(self, descriptor: Descriptor, *, without: Collection[str] = ()) -> Schema:
        """The schema of the object that a message is, but for some of its fields."""
        fields = [field for field in descriptor.fields if field.name not in without]
        sent = descriptor.full_name in self._sent
        schema: Schema = {
            "type": "object",
            "properties": {
                field.name: _or_null(self.field(field))
                if sent and not is_required(field)
                else self.field(field)
                for field in fields
            },
            "additionalProperties": False,
        }
        if required := [field.name for field in fields if is_required(field)]:
            schema["required"] = required
        if sent:
            schema |= between_fields(descriptor)
        return self._described(schema, descriptor.full_name)

    def field(self, field: FieldDescriptor) -> Schema:
        """The schema of what stands under a field's name, with its rules and description."""
        rules = _rules(field)
        entry = field.message_type
        if entry is not None and entry.GetOptions().map_entry:
            value = entry.fields_by_name["value"]
            schema: Schema = {
                "type": "object",
                "additionalProperties": self._value(value, rules.map.values),
            }
            if names := _names(self._value(entry.fields_by_name["key"], rules.map.keys)):
                schema["propertyNames"] = names
            if rules.map.HasField("max_pairs"):
                schema["maxProperties"] = rules.map.max_pairs
        elif field.is_repeated:
            schema = {"type": "array", "items": self._value(field, rules.repeated.items)}
            if rules.repeated.HasField("min_items"):
                schema["minItems"] = rules.repeated.min_items
            if rules.repeated.HasField("max_items"):
                schema["maxItems"] = rules.repeated.max_items
            if rules.repeated.unique:
                schema["uniqueItems"] = True
        else:
            schema = self._value(field, rules)
        return self._described(schema, field.full_name)

    def _value(self, field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Schema:
        if field.message_type is not None:
            inner, outer = field.message_type, field.containing_type
            answered = outer is not None and outer.full_name not in self._sent
            if answered and inner.full_name in self._requests:
                return self._component(f"Past{_name(inner)}", inner, repeated=True)
            return self.reference(inner)
        if field.enum_type is not None:
            return self._enum(field.enum_type, barred=rules.enum.not_in)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        schema = dict(_SCALARS[field.cpp_type])
        kind = rules.WhichOneof("type")
        for rule, limit in encode(getattr(rules, kind)).items() if kind else ():
            if rule in _KEYWORDS:
                schema[_KEYWORDS[rule]] = limit
        if kind and (barred := list(getattr(getattr(rules, kind), "not_in", ()))):
            schema["not"] = {"enum": barred}
        return schema

    def _enum(self, enum: EnumDescriptor, barred: Collection[int]) -> Schema:
        values = [value.name for value in enum.values if value.number not in barred]
        comments = {name: self._comments.get(f"{enum.full_name}.{name}") for name in values}
        listed = "\n".join(f"- `{name}`: {text}" for name, text in comments.items() if text)
        return {"type": "string", "enum": values, **({"description": listed} if listed else {})}

    def _follow(self, descriptor: Descriptor) -> None:
        if descriptor.full_name in self._sent:
            return
        self._sent.add(descriptor.full_name)
        for field in descriptor.fields:
            if field.message_type is not None:
                self._follow(field.message_type)

    def _described(self, schema: Schema, full_name: str) -> Schema:
        comment = self._comments.get(full_name)
        if comment:
            more = schema.get("description")
            schema["description"] = f"{comment}\n\n{more}" if more else comment
        return schema


def _name(descriptor: Descriptor) -> str:
    return descriptor.full_name.removeprefix(f"{descriptor.file.package}.")


def _without_musts(schema: Schema) -> Schema:
    """The schema of the same object, of which everything may be left out or empty."""
    properties = {
        name: {key: value for key, value in each.items() if key != "minItems"}
        for name, each in schema["properties"].items()
    }
    musts = ("required", "if", "then", "else", "dependentSchemas")
    rest = {key: value for key, value in schema.items() if key not in musts}
    return {**rest, "properties": properties}


def _or_null(schema: Schema) -> Schema:
    if schema.keys() <= {"description"}:
        return schema  # any JSON, null too
    if "$ref" in schema:
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {"anyOf": [{"$ref": schema["$ref"]}, {"type": "null"}], **rest}
    allowed = {**schema, "type": [schema["type"], "null"]}
    return {**allowed, "enum": [*schema["enum"], None]} if "enum" in schema else allowed


def _names(key: Schema) -> Schema:
    """What an object's names must be: JSON has them as strings, whatever the map's keys are."""
    if key["type"] == "string":
        return {rule: limit for rule, limit in key.items() if rule != "type"}
    return (
        {"pattern": "^-?[0-9]{1,19}$"} if key["type"] == "integer" else {"enum": ["true", "false"]}
    )


def is_required(field: FieldDescriptor) -> bool:
    """Whether a request without this field breaks a rule."""
    rules = _rules(field)
    if field.has_presence:
        return rules.required
    # Without presence, what is left out is the type's zero.
    numeric: Any = getattr(rules, rules.WhichOneof("type") or "", None)
    return (
        rules.string.min_len > 0
        or re.search(rules.string.pattern, "") is None
        or rules.repeated.min_items > 0
        or 0 in rules.enum.not_in
        or getattr(numeric, "gte", 0) > 0
        or (hasattr(numeric, "gt") and numeric.HasField("gt") and numeric.gt >= 0)
    )


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    options: Any = field.GetOptions()  # generated stubs of options don't know their extensions
    return options.Extensions[validate_pb2.field]
