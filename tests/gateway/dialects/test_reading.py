"""Foreign JSON is read with errors that name the field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

Read = Callable[[JsonObject], Any]


RIGHT: list[tuple[Any, Read, Any]] = [
    ("a", lambda body: body.string("x"), "a"),
    ("", lambda body: body.string("x"), ""),
    (None, lambda body: body.optional_string("x"), ""),
    (False, lambda body: body.boolean("x"), False),
    (None, lambda body: body.boolean("x"), None),
    (1, lambda body: body.number("x"), 1.0),
    (-0.5, lambda body: body.number("x"), -0.5),
    (2.0, lambda body: body.integer("x"), 2),
    (2**31 - 1, lambda body: body.integer("x"), 2**31 - 1),
    (-(2**31), lambda body: body.integer("x"), -(2**31)),
    (2**63 - 1, lambda body: body.integer("x", bits=64), 2**63 - 1),
    ("a", lambda body: body.strings("x"), ["a"]),
    (["a", ""], lambda body: body.strings("x"), ["a", ""]),
    (None, lambda body: body.strings("x"), []),
    (None, lambda body: body.object("x"), None),
]


@pytest.mark.parametrize(("value", "read", "expected"), RIGHT)
def test_a_value_of_the_right_type_is_read(value: Any, read: Read, expected: Any) -> None:
    assert read(JsonObject({"x": value})) == expected


WRONG: list[tuple[Any, Read, str]] = [
    (1, lambda body: body.string("x"), "x"),
    (["a"], lambda body: body.optional_string("x"), "x"),
    (1, lambda body: body.boolean("x"), "x"),
    ("true", lambda body: body.boolean("x"), "x"),
    (True, lambda body: body.number("x"), "x"),
    ("1", lambda body: body.number("x"), "x"),
    (True, lambda body: body.integer("x"), "x"),
    (1.5, lambda body: body.integer("x"), "x"),
    ("1", lambda body: body.integer("x"), "x"),
    ({}, lambda body: body.strings("x"), "x"),
    (["a", 1], lambda body: body.strings("x"), "x[1]"),
    ([], lambda body: body.object("x"), "x"),
    ({}, lambda body: body.objects("x"), "x"),
    ([{}, 1], lambda body: body.objects("x"), "x[1]"),
    ([{}, {"y": 1}], lambda body: body.objects("x")[1].string("y"), "x[1].y"),
]


@pytest.mark.parametrize(("value", "read", "field"), WRONG)
def test_a_value_of_the_wrong_type_is_named(value: Any, read: Read, field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(JsonObject({"x": value}))

    assert raised.value.error.code == "INVALID_ARGUMENT"
    assert raised.value.error.reason == ErrorReason.BODY_MALFORMED
    assert [each.field for each in raised.value.error.field_violations] == [field]


UNFIT: list[tuple[Any, Read]] = [
    (None, lambda body: body.string("x")),
    (None, lambda body: body.objects("x")),
    (2**31, lambda body: body.integer("x")),
    (-(2**31) - 1, lambda body: body.integer("x")),
    (2**63, lambda body: body.integer("x", bits=64)),
    (1e300, lambda body: body.integer("x", bits=64)),
]


@pytest.mark.parametrize(("value", "read"), UNFIT)
def test_a_missing_or_unfit_value_is_named(value: Any, read: Read) -> None:
    with pytest.raises(CallFailed) as raised:
        read(JsonObject({"x": value}))

    assert raised.value.error.reason == ErrorReason.FIELD_INVALID
    assert [each.field for each in raised.value.error.field_violations] == ["x"]


@pytest.mark.parametrize("value", [None, [], "text", 1, True])
def test_a_body_that_is_no_object_is_malformed(value: Any) -> None:
    with pytest.raises(CallFailed) as raised:
        JsonObject.read(value)

    assert raised.value.error.reason == ErrorReason.BODY_MALFORMED
    assert not raised.value.error.field_violations
