"""JSON Schemas of the contract's plain fields, with the rules that the server will hold them to."""

from __future__ import annotations

from typing import Any, Final

from buf.validate import validate_pb2
from google.protobuf.descriptor import FieldDescriptor

from funland_gateway.dialects.dialect import JsonSchema

_TYPES: Final = {
    FieldDescriptor.CPPTYPE_BOOL: "boolean",
    FieldDescriptor.CPPTYPE_DOUBLE: "number",
    FieldDescriptor.CPPTYPE_FLOAT: "number",
    FieldDescriptor.CPPTYPE_INT32: "integer",
    FieldDescriptor.CPPTYPE_INT64: "integer",
    FieldDescriptor.CPPTYPE_STRING: "string",
}
_LARGEST: Final = {FieldDescriptor.CPPTYPE_INT32: 2**31 - 1}
_KEYWORDS: Final = {
    "gt": "exclusiveMinimum",
    "gte": "minimum",
    "lte": "maximum",
    "min_len": "minLength",
    "max_len": "maxLength",
    "max_bytes": "maxLength",  # a text has no more characters than bytes
    "min_items": "minItems",
    "max_items": "maxItems",
    "max_pairs": "maxProperties",
    "unique": "uniqueItems",
    "pattern": "pattern",
}


def field_schema(field: FieldDescriptor) -> JsonSchema:
    """The schema of a field that holds scalars: one, a list of them, or a map with such values."""
    options: Any = field.GetOptions()  # generated stubs of options don't know their extensions
    rules: validate_pb2.FieldRules = options.Extensions[validate_pb2.field]
    entry = field.message_type
    if entry is not None:
        value = _scalar(entry.fields_by_name["value"], rules.map.values)
        keys = rules.map.keys  # numbers are strings in JSON, of which these say nothing
        names = {"propertyNames": _limits(keys.string)} if keys.HasField("string") else {}
        return {"type": "object", "additionalProperties": value, **names, **_limits(rules.map)}
    if field.is_repeated:
        items = _scalar(field, rules.repeated.items)
        return {"type": "array", "items": items, **_limits(rules.repeated)}
    return _scalar(field, rules)


def _scalar(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> JsonSchema:
    kind = rules.WhichOneof("type")
    limits = _limits(getattr(rules, kind)) if kind else {}
    if kind and (barred := list(getattr(rules, kind).not_in)):
        limits["not"] = {"enum": barred}
    if "minimum" in limits and field.cpp_type in _LARGEST:
        limits.setdefault("maximum", _LARGEST[field.cpp_type])
    return {"type": _TYPES[field.cpp_type], **limits}


def _limits(rules: Any) -> dict[str, Any]:
    return {
        _KEYWORDS[rule.name]: limit for rule, limit in rules.ListFields() if rule.name in _KEYWORDS
    }
