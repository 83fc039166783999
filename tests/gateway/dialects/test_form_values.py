"""What a form's texts stand for."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.dialects.form_values import form_object
from funland_gateway.failures import CallFailed


@pytest.mark.parametrize(
    ("texts", "members"),
    [
        ([("prompt", "a cat"), ("n", "2")], {"prompt": "a cat", "n": 2}),
        ([("n", "two")], {"n": "two"}),  # for the reader to refuse
        ([("n", "2.5")], {"n": "2.5"}),
        ([("n", "9" * 19)], {"n": "9" * 19}),
        ([("temperature", "0.5")], {"temperature": 0.5}),
        ([("temperature", "1e-3")], {"temperature": 0.001}),
        ([("temperature", "nan")], {"temperature": "nan"}),
        ([("temperature", "1_0")], {"temperature": "1_0"}),
        ([("stream", "true")], {"stream": True}),
        ([("stream", "False")], {"stream": False}),
        ([("stream", "1")], {"stream": "1"}),
        ([("prompt", "")], {}),
        ([("words[]", "a"), ("words[]", "b")], {"words": ["a", "b"]}),
        ([("words[]", "")], {}),
        ([("svg[model]", "x"), ("svg[a][b]", "y")], {"svg": {"model": "x", "a": {"b": "y"}}}),
        ([("a[b][]", "x"), ("a[b][]", "y")], {"a": {"b": ["x", "y"]}}),
        ([("a[", "x"), ("]b", "y"), ("", "z")], {"a[": "x", "]b": "y", "": "z"}),
    ],
)
def test_texts_become_the_members_of_an_object(
    texts: list[tuple[str, str]], members: dict[str, Any]
) -> None:
    kinds: dict[str, Any] = {"n": "integer", "temperature": "number", "stream": "boolean"}

    assert form_object(texts, kinds) == members


@pytest.mark.parametrize(
    "texts",
    [
        [("n", "1"), ("n", "2")],
        [("a[]", "1"), ("a", "2")],
        [("a", "1"), ("a[]", "2")],
        [("a", "1"), ("a[b]", "2")],
        [("a[b]", "1"), ("a[]", "2")],
        [("a[b]", "1"), ("a[b]", "2")],
    ],
)
def test_what_is_there_twice_or_in_two_ways_is_named(texts: list[tuple[str, str]]) -> None:
    with pytest.raises(CallFailed) as raised:
        form_object(texts, {})

    assert raised.value.error.reason == ErrorReason.FIELD_INVALID
    assert [each.field for each in raised.value.error.field_violations] == [texts[-1][0]]
