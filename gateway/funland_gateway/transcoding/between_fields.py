"""Rules between the fields of one message, as JSON schemas.

They are written with `if` and `dependentSchemas`, which check a value and leave its type alone:
generators of clients would make unions of `oneOf` and `anyOf`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor

Schema = dict[str, Any]

_SIZE = r"size\(this\.([a-z_0-9]+)\)"
_ONE_OF_TWO = re.compile(rf"\({_SIZE} > 0\) != \({_SIZE} > 0\)")
_EITHER_OR_ONE = re.compile(rf"\({_SIZE} > 0 \|\| {_SIZE} > 0\) != \({_SIZE} > 0\)")
_SOME_OF_TWO = re.compile(rf"{_SIZE} \+ {_SIZE} > 0 && .*")
_ALONE_IN = re.compile(
    rf"{_SIZE} == 0 \|\| \({_SIZE} == 0 && this\.([a-z_0-9]+) in \[([0-9, ]+)\]\)"
)
_NOT_WITH = re.compile(rf"!this\.([a-z_0-9]+) \|\| {_SIZE} == 0")


def between_fields(descriptor: Descriptor) -> Schema:
    """The keywords for a message's rules in CEL, and for its oneofs.

    Raises `ValueError` for a rule of a form that is not known here.
    """
    schema: Schema = {}
    for rule in _rules(descriptor):
        keywords = _keywords(descriptor, rule.expression)
        depending = _both(schema.pop("dependentSchemas", {}), keywords.pop("dependentSchemas", {}))
        if keywords.keys() & schema.keys():
            raise ValueError(f"{descriptor.full_name}: two rules would need the same keyword")
        schema |= keywords
        if depending:
            schema["dependentSchemas"] = depending
    alternatives: Schema = {}
    for oneof in descriptor.oneofs:
        if _is_required(oneof):
            if "if" in schema:
                raise ValueError(f"{descriptor.full_name}: two rules would need the same keyword")
            schema |= _some_of(oneof.fields)
        if len(oneof.fields) > 1:
            alternatives |= {field.name: _alone(field, oneof.fields) for field in oneof.fields}
    if alternatives:
        schema["dependentSchemas"] = {**schema.get("dependentSchemas", {}), **alternatives}
    return schema


def _keywords(descriptor: Descriptor, expression: str) -> Schema:
    fields = descriptor.fields_by_name
    forms: tuple[tuple[re.Pattern[str], Callable[..., Schema]], ...] = (
        (_ONE_OF_TWO, _one_of_two),
        (_EITHER_OR_ONE, _either_or_one),
        (_SOME_OF_TWO, _some_of_two),
        (_NOT_WITH, _not_with),
    )
    for form, make in forms:
        if match := form.fullmatch(expression):
            return make(*(fields[name] for name in match.groups()))
    if match := _ALONE_IN.fullmatch(expression):
        field, other, choice, numbers = match.groups()
        return _alone_in(fields[field], fields[other], fields[choice], numbers)
    raise ValueError(f"{descriptor.full_name}: {expression} is of no form that has a JSON schema")


def _one_of_two(first: FieldDescriptor, second: FieldDescriptor) -> Schema:
    return {"if": _filled(first), "then": _empty(second), "else": _filled(second)}


def _either_or_one(first: FieldDescriptor, second: FieldDescriptor, one: FieldDescriptor) -> Schema:
    return {"if": _filled(first), "then": _empty(one), "else": _one_of_two(second, one)}


def _both(some: Schema, more: Schema) -> Schema:
    """The schemas that depend on properties, of two rules."""
    both = {name: {"allOf": [some[name], more[name]]} for name in some.keys() & more.keys()}
    return {**some, **more, **both}


def _some_of_two(first: FieldDescriptor, second: FieldDescriptor) -> Schema:
    return {"if": _filled(first), "else": _filled(second)}


def _alone_in(
    field: FieldDescriptor, other: FieldDescriptor, choice: FieldDescriptor, numbers: str
) -> Schema:
    assert choice.enum_type is not None  # noqa: S101 - the form has numbers of one
    names = choice.enum_type.values_by_number
    allowed = [names[int(number)].name for number in numbers.split(",")]
    then = _empty(other)
    then["properties"][choice.name] = {"enum": allowed}
    return {"if": _filled(field), "then": then}


def _not_with(switch: FieldDescriptor, other: FieldDescriptor) -> Schema:
    on = {"properties": {switch.name: {"const": True}}}
    return {"dependentSchemas": {switch.name: {"if": on, "then": _empty(other)}}}


def _some_of(group: Sequence[FieldDescriptor]) -> Schema:
    first, *others = group
    given = {"required": [first.name], "properties": {first.name: {"not": {"type": "null"}}}}
    return {"if": given, "else": _some_of(others)} if others else given


def _alone(field: FieldDescriptor, group: Sequence[FieldDescriptor]) -> Schema:
    others = {other.name: {"type": "null"} for other in group if other is not field}
    return {"if": {"properties": {field.name: {"type": "null"}}}, "else": {"properties": others}}


def _filled(field: FieldDescriptor) -> Schema:
    some: Schema = {"minItems": 1} if field.is_repeated else {"minLength": 1}
    kind = "array" if field.is_repeated else "string"
    return {"properties": {field.name: {"type": kind, **some}}, "required": [field.name]}


def _empty(field: FieldDescriptor) -> Schema:
    return {"properties": {field.name: {"maxItems": 0} if field.is_repeated else {"maxLength": 0}}}


def _is_required(oneof: OneofDescriptor) -> bool:
    options: Any = oneof.GetOptions()  # as below
    return bool(options.Extensions[validate_pb2.oneof].required)


def _rules(descriptor: Descriptor) -> list[validate_pb2.Rule]:
    options: Any = descriptor.GetOptions()  # generated stubs of options don't know their extensions
    return list(options.Extensions[validate_pb2.message].cel)
