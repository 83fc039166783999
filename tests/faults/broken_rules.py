"""Breaks every rule that the contract sets for a message, one at a time.

What is broken comes from the descriptors, so a new field is covered by being there, and a rule of a
kind that is not known here fails the collection of the tests.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.struct_pb2 import NULL_VALUE

_MAP_KEY = 7
_SYSTEM, _USER = 1, 2
"""Of `Message.Role`."""
_STEP = 1e-3  # float32 tells it from every bound in the contract
_NO_NUMBERS = (math.nan, math.inf, -math.inf)


_BY_PATTERN: dict[str, Callable[[int], str]] = {
    "": "x{}".format,
    "^[a-z]+_[0-9]{1,4}$": "cpu_{}".format,
    "^(read|infer|manage|admin)(:[a-z]+)?$": lambda number: f"read:{_letters(number)}",
}
"""What is right by a pattern, and different for each number."""

_LONGEST_LIST = 2_000_000
"""Longer lists than this are not made too long: they fill the memory before they break a rule."""


def _both(message: Any) -> None:
    message.prompt, message.prompt_tokens[:] = "x", [1]


def _tokens_as_message(message: Any) -> None:
    message.ClearField("prompt")
    message.prompt_tokens[:] = [1]
    message.as_message = True


def _suffix_of_a_message(message: Any) -> None:
    message.suffix, message.as_message = "x", True


def _too_many(message: Any) -> None:
    message.inputs.extend(["x"] * 2048)
    message.token_inputs.add(tokens=[1])


def _parts_beside_content(message: Any) -> None:
    message.role, message.content = _USER, "x"
    message.parts.add(text="x")


def _parts_of_a_system(message: Any) -> None:
    message.role = _SYSTEM
    message.ClearField("content")
    message.parts.add(text="x")


_KEEP: dict[str, Callable[[Any], None]] = {
    "generate.prompt": lambda message: setattr(message, "prompt", "x"),
    "generate.as_message": lambda _: None,
    "generate.suffix": lambda _: None,
    "embed.inputs": lambda message: message.inputs.append("x"),
    "message.parts": lambda message: message.ClearField("parts"),
}
"""What keeps the rules of whole messages, by their ids."""
_BREAK: dict[str, tuple[Callable[[Any], None], ...]] = {
    "generate.prompt": (lambda message: message.ClearField("prompt"), _both),
    "generate.as_message": (_tokens_as_message,),
    "generate.suffix": (_suffix_of_a_message,),
    "embed.inputs": (lambda message: message.ClearField("inputs"), _too_many),
    "message.parts": (_parts_beside_content, _parts_of_a_system),
}
"""What breaks them. The last part of an id is the field that is to blame."""


@dataclass(frozen=True, slots=True)
class Break:
    """One way to break one rule."""

    path: str
    """The field that a violation must name, such as `messages[0].role`; keys without quotes."""
    rule: str
    apply: Callable[[Any], None]
    """Does it to a valid message."""
    owner: str = ""
    """The message that has the rule, if it is inside of another."""


def valid(descriptor: Descriptor) -> Any:
    """A message that keeps all rules and says nothing more."""
    message: Any = GetMessageClass(descriptor)()
    for field in descriptor.fields:
        rules = _rules(field)
        if field.is_repeated:
            for _ in range(rules.repeated.min_items):
                _append(message, field)
        elif field.message_type is None and (value := _valid_value(field, rules)):
            setattr(message, field.name, value)
        elif field.message_type is not None and rules.required:
            getattr(message, field.name).CopyFrom(valid(field.message_type))
    for rule in _whole(descriptor):
        _KEEP[rule](message)
    return message


def breaks(descriptor: Descriptor) -> Iterator[Break]:
    """Every way to break a rule of a message, or of one inside of it."""
    for field in descriptor.fields:
        rules = _rules(field)
        if is_map(field):
            yield from _of_map(field, rules.map)
        elif field.is_repeated:
            yield from _of_list(field, rules.repeated)
        elif field.message_type is not None:
            for inner in _of(field.message_type):
                yield _inside(field.name, inner, lambda m, name=field.name: getattr(m, name))
        else:
            for rule, value in _bad_values(rules):
                yield Break(field.name, rule, _setter(field.name, value))
    for rule in _whole(descriptor):
        for apply in _BREAK[rule]:
            yield Break(rule.rpartition(".")[2], rule, apply)


def _of(descriptor: Descriptor) -> Iterator[Break]:
    """The breaks of a message that is inside of another."""
    for broken in breaks(descriptor):
        yield replace(broken, owner=broken.owner or descriptor.full_name)


def _of_list(field: FieldDescriptor, rules: validate_pb2.RepeatedRules) -> Iterator[Break]:
    name = field.name
    known = {"min_items", "max_items", "items", "unique"}
    _check_known(rules, known)
    if rules.min_items:
        yield Break(name, "min_items", lambda message: message.ClearField(name))
    if 0 < rules.max_items <= _LONGEST_LIST:

        def overfill(message: Any) -> None:
            values = getattr(message, name)
            if rules.unique:
                values[:] = [_item(field, number) for number in range(rules.max_items + 1)]
                return
            if not values:
                _append(message, field)
            values.extend([values[0]] * (rules.max_items + 1 - len(values)))

        yield Break(name, "max_items", overfill)
    if rules.unique:

        def repeat(message: Any) -> None:
            getattr(message, name)[:] = [_item(field, 0)] * 2

        yield Break(name, "unique", repeat)
    for rule, value in _bad_values(rules.items):

        def put(message: Any, value: object = value) -> None:
            getattr(message, name)[:] = [value]

        yield Break(f"{name}[0]", rule, put)
    if field.message_type is not None:
        for inner in _of(field.message_type):

            def first(message: Any) -> Any:
                if not getattr(message, name):
                    _append(message, field)
                return getattr(message, name)[0]

            yield _inside(f"{name}[0]", inner, first)


def _of_map(field: FieldDescriptor, rules: validate_pb2.MapRules) -> Iterator[Break]:
    name = field.name
    _check_known(rules, {"max_pairs", "keys", "values"})
    good_key = _scalar(field, "key")
    if rules.max_pairs:

        def overfill(message: Any) -> None:
            for number in range(rules.max_pairs + 1):
                _fill(getattr(message, name), field, good_key(number))

        yield Break(name, "max_pairs", overfill)
    for rule, key in _bad_values(rules.keys):
        yield Break(f"{name}[{key}]", rule, lambda m, key=key: _fill(getattr(m, name), field, key))
    for rule, value in _bad_values(rules.values):
        key = good_key(_MAP_KEY)

        def put(message: Any, key: object = key, value: object = value) -> None:
            getattr(message, name)[key] = value

        yield Break(f"{name}[{key}]", rule, put)


def _scalar(field: FieldDescriptor, part: str) -> Callable[[int], object]:
    """What makes a key or a value of a map out of a number."""
    entry = field.message_type
    assert entry is not None, "a map's entries are messages"
    kind = entry.fields_by_name[part].cpp_type
    return str if kind == FieldDescriptor.CPPTYPE_STRING else int


def _fill(items: Any, field: FieldDescriptor, key: object) -> None:
    """Puts some value into a map."""
    entry = field.message_type
    assert entry is not None, "a map's entries are messages"
    if entry.fields_by_name["value"].message_type is None:
        items[key] = _scalar(field, "value")(0)
    else:
        items[key].null_value = NULL_VALUE  # of any JSON, which is all that maps hold besides


def _bad_values(rules: validate_pb2.FieldRules) -> Iterator[tuple[str, Any]]:
    """Values that break a scalar's rules, each just so, by the rule's name."""
    kind = rules.WhichOneof("type")
    if kind is None:
        return
    rule: Any = getattr(rules, kind)
    if kind == "string":
        yield from _bad_strings(rule)
    elif kind == "bytes":
        # What is longer than any may be is refused by its length on the way in already.
        _check_known(rule, {"min_len", "max_len"})
        if rule.min_len:
            yield "min_len", b"x" * (rule.min_len - 1)
    elif kind == "enum":
        _check_known(rule, {"defined_only", "not_in"})
        yield from (("not_in", number) for number in rule.not_in)
        if rule.defined_only:
            yield "defined_only", 99
    else:
        step = _STEP if kind in ("float", "double") else 1
        # What is no finite number is tried with all of them.
        _check_known(rule, {"gt", "gte", "lt", "lte", "not_in", "finite"})
        yield from (("not_in", value) for value in rule.not_in)
        for bound, value in rule.ListFields():
            if bound.name in ("not_in", "finite"):
                continue
            offset = {"gt": 0, "gte": -step, "lt": 0, "lte": step}[bound.name]
            yield bound.name, value + offset
        if kind in ("float", "double"):
            yield from (("number", value) for value in _NO_NUMBERS)


def _bad_strings(rule: validate_pb2.StringRules) -> Iterator[tuple[str, str]]:
    _check_known(rule, {"min_len", "max_len", "max_bytes", "pattern", "in"})
    if words := getattr(rule, "in"):
        assert "" in words, "a field that says nothing must keep this rule"
        yield "in", "!"
    if rule.min_len:
        yield "min_len", _repeated("x", rule.min_len - 1)
    if rule.max_len:
        yield "max_len", _repeated("x", rule.max_len + 1)
    if rule.max_bytes:
        # Two bytes each: as characters they would be few enough.
        yield "max_bytes", _repeated("é", rule.max_bytes // 2 + 1)
    if rule.pattern:
        assert not re.search(rule.pattern, "!"), "another value must break this pattern"
        yield "pattern", "!"


@cache
def _repeated(letter: str, count: int) -> str:
    """The same text for every rule that is as long: some have millions of letters."""
    return letter * count


def _check_known(rules: Any, known: set[str]) -> None:
    names = {field.name for field, _ in rules.ListFields()}
    assert names <= known, f"rules that no test breaks: {names - known}"


def _item(field: FieldDescriptor, number: int) -> str:
    """One of many different items of a list that is to have none twice."""
    return _BY_PATTERN[_rules(field).repeated.items.string.pattern](number)


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def _valid_value(field: FieldDescriptor, rules: validate_pb2.FieldRules) -> object:
    if field.enum_type is not None:
        allowed = (v.number for v in field.enum_type.values if v.number not in rules.enum.not_in)
        return next(allowed)
    return "x" * rules.string.min_len


def _append(message: Any, field: FieldDescriptor) -> None:
    values = getattr(message, field.name)
    if field.message_type is not None:
        values.append(valid(field.message_type))
    else:
        items = _rules(field).repeated.items
        values.append(_valid_value(field, items) if items.WhichOneof("type") == "string" else 0)


def _inside(prefix: str, inner: Break, part: Callable[[Any], Any]) -> Break:
    def apply(message: Any) -> None:
        inner.apply(part(message))

    return replace(inner, path=f"{prefix}.{inner.path}", apply=apply)


def _setter(name: str, value: object) -> Callable[[Any], None]:
    return lambda message: setattr(message, name, value)


def _rules(field: FieldDescriptor) -> validate_pb2.FieldRules:
    return field.GetOptions().Extensions[validate_pb2.field]


def _whole(descriptor: Descriptor) -> list[str]:
    """The ids of the rules for a message as a whole."""
    return [rule.id for rule in descriptor.GetOptions().Extensions[validate_pb2.message].cel]


def is_map(field: FieldDescriptor) -> bool:
    """Whether a field is a map, which descriptors tell as a list of entries."""
    return field.message_type is not None and field.message_type.GetOptions().map_entry
