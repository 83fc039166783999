"""A text, a list of tokens, or a list of either, wherever OpenAI's API takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_gateway.dialects.dialect import Incoming
from funland_gateway.dialects.openai.completions import create_completion
from funland_gateway.dialects.openai.embeddings import create_embedding
from funland_gateway.dialects.openai.inputs import Input, read_inputs
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

MOST = 3

FORMS: list[tuple[Any, list[Input]]] = [
    ("a", [Input("x", text="a")]),
    (["a"], [Input("x[0]", text="a")]),
    (["a", "b"], [Input("x[0]", text="a"), Input("x[1]", text="b")]),
    ([0], [Input("x", tokens=[0])]),
    ([1, 2, 3, 4, 5], [Input("x", tokens=[1, 2, 3, 4, 5])]),
    ([[1, 2]], [Input("x[0]", tokens=[1, 2])]),
    ([[2**31 - 1], [7]], [Input("x[0]", tokens=[2**31 - 1]), Input("x[1]", tokens=[7])]),
    (["a", [1]], [Input("x[0]", text="a"), Input("x[1]", tokens=[1])]),
    ([[1], "a"], [Input("x[0]", tokens=[1]), Input("x[1]", text="a")]),
    ({"prompt_string": "a"}, [Input("x.prompt_string", text="a")]),
    ([{"prompt_string": "a", "multimodal_data": []}], [Input("x[0].prompt_string", text="a")]),
]


@pytest.mark.parametrize(("value", "inputs"), FORMS)
def test_every_form_is_read(value: Any, inputs: list[Input]) -> None:
    assert read_inputs(JsonObject({"x": value}), "x", MOST) == inputs


MALFORMED, INVALID = ErrorReason.BODY_MALFORMED, ErrorReason.FIELD_INVALID

WRONG: list[tuple[Any, Any, str]] = [
    (None, INVALID, ""),
    (1, MALFORMED, ""),
    (1.5, MALFORMED, ""),
    (True, MALFORMED, ""),
    ({}, INVALID, ".prompt_string"),
    ({"prompt_string": ""}, INVALID, ".prompt_string"),
    ({"prompt_string": 1}, MALFORMED, ".prompt_string"),
    ("", INVALID, ""),
    ([], INVALID, ""),
    ([""], INVALID, "[0]"),
    (["a", ""], INVALID, "[1]"),
    ([[]], INVALID, "[0]"),
    (["a", []], INVALID, "[1]"),
    ([[1], []], INVALID, "[1]"),
    ([None], MALFORMED, "[0]"),
    (["a", None], MALFORMED, "[1]"),
    (["a", 1], MALFORMED, "[1]"),
    ([1, "a"], MALFORMED, "[1]"),
    ([1, [2]], MALFORMED, "[1]"),
    ([[1], 2], MALFORMED, "[1]"),
    ([True], MALFORMED, "[0]"),
    ([1, False], MALFORMED, "[1]"),
    ([1.0], MALFORMED, "[0]"),
    ([1, 2.5], MALFORMED, "[1]"),
    ([-1], INVALID, "[0]"),
    ([1, 2**31], INVALID, "[1]"),
    ([[1], [2**63]], INVALID, "[1][0]"),
    ([[True]], MALFORMED, "[0][0]"),
    (["a", [0, -5]], INVALID, "[1][1]"),
    (["a", [0.0]], MALFORMED, "[1][0]"),
    (["a", [[1]]], MALFORMED, "[1][0]"),
    (["a", ["b"]], MALFORMED, "[1][0]"),
    ([[None]], MALFORMED, "[0][0]"),
    (["a"] * 2049, INVALID, ""),
]
ROUTES: list[tuple[Callable[[Incoming], Any], str]] = [
    (create_embedding, "input"),
    (create_completion, "prompt"),
]


@pytest.mark.parametrize(("call", "name"), ROUTES)
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_named_with_its_place(
    call: Callable[[Incoming], Any], name: str, stream: bool, wrong: tuple[Any, Any, str]
) -> None:
    value, reason, place = wrong

    with pytest.raises(CallFailed) as raised:
        call(Incoming(JsonObject({name: value, "stream": stream}), {}, 0))

    assert raised.value.error.reason == reason
    assert [each.field for each in raised.value.error.field_violations] == [name + place]


def test_tokens_are_not_counted_as_texts() -> None:
    [only] = read_inputs(JsonObject({"x": list(range(5000))}), "x", MOST)

    assert len(only.tokens) == 5000
