"""Turns message types and their validation rules into JSON schemas."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

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
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "format": "int32"},
    FieldDescriptor.CPPTYPE_INT64: {"type": "integer", "format": "int64"},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    FieldDescriptor.CPPTYPE_UINT64: {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
    FieldDescriptor.CPPTYPE_STRING: {"type": "string"},
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.Empty": {"type": "object"},
}


class Schemas:
    """The schemas of the messages that were asked for, and of those inside them.

    `comments` become the descriptions, by full name.
    """

    def __init__(self, comments: Mapping[str, str]) -> None:
        self._comments = comments
        self.components: dict[str, Schema] = {}

    def reference(self, descriptor: Descriptor) -> Schema:
        """A reference to the message's schema among `components`."""
        if descriptor.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[descriptor.full_name])
        name = descriptor.full_name.removeprefix(f"{descriptor.file.package}.")
        if name not in self.components:
            self.components[name] = {}  # a message may hold itself
            self.components[name].update(self.message(descriptor))
        return {"$ref": f"#/components/schemas/{name}"}

    def message(self, descriptor: Descriptor, *, without: Collection[str] = ()) -> Schema:
        """The schema of the object that a message is, but for some of its fields."""
        fields = [field for field in descriptor.fields if field.name not in without]
        schema: Schema = {
            "type": "object",
            "properties": {field.name: self.field(field) for field in fields},
        }
        if required := [field.name for field in fields if is_required(field)]:
            schema["required"] = required
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
            if rules.map.HasField("max_pairs"):
                schema["maxProperties"] = rules.map.max_pairs
        elif field.is_repeated:
            schema = {"type": "array", "items": self._value(field, rules.repeated.items)}
            if rules.repeated.HasField("min_items"):
                schema["minItems"] = rules.repeated.min_items
            if rules.repeated.HasField("max_items"):
                schema["maxItems"] = rules.repeated.max_items
        else:
            schema = self._value(field, rules)
        return self._described(schema, field.full_name)

    def _value(self, field: FieldDescriptor, rules: validate_pb2.FieldRules) -> Schema:
        if field.message_type is not None:
            return self.reference(field.message_type)
        if field.enum_type is not None:
            return self._enum(field.enum_type, barred=rules.enum.not_in)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return {"type": "string", "contentEncoding": "base64"}
        schema = dict(_SCALARS[field.cpp_type])
        kind = rules.WhichOneof("type")
        for rule, limit in encode(getattr(rules, kind)).items() if kind else ():
            if rule in _KEYWORDS:
                schema[_KEYWORDS[rule]] = limit
        return schema

    def _enum(self, enum: EnumDescriptor, barred: Collection[int]) -> Schema:
        values = [value.name for value in enum.values if value.number not in barred]
        comments = {name: self._comments.get(f"{enum.full_name}.{name}") for name in values}
        listed = "\n".join(f"- `{name}`: {text}" for name, text in comments.items() if text)
        return {"type": "string", "enum": values, **({"description": listed} if listed else {})}

    def _described(self, schema: Schema, full_name: str) -> Schema:
        comment = self._comments.get(full_name)
        if comment:
            more = schema.get("description")
            schema["description"] = f"{comment}\n\n{more}" if more else comment
        return schema


def is_required(field: FieldDescriptor) -> bool:
    """Whether a request without this field breaks a rule."""
    rules = _rules(field)
    if field.has_presence:
        return rules.required
    return rules.string.min_len > 0 or rules.repeated.min_items > 0 or 0 in rules.enum.not_in


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    options: Any = field.GetOptions()  # generated stubs of options don't know their extensions
    return options.Extensions[validate_pb2.field]
