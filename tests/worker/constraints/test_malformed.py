"""What is no JSON Schema at all is refused like what is a wrong one."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.json_text import json_grammar

KEYWORDS = (
    *("type", "properties", "patternProperties", "additionalProperties", "propertyNames"),
    *("unevaluatedProperties", "required", "minProperties", "maxProperties", "dependentSchemas"),
    *("items", "prefixItems", "minItems", "maxItems", "enum", "const", "multipleOf"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength"),
    *("pattern", "format", "allOf", "anyOf", "oneOf", "not", "if", "then", "else"),
    *("$ref", "$defs", "definitions", "a", "b", "x-guidance"),
)
WORDS = ("a", "object", "string", "integer", "array", "#", "#/$defs/a", "#/properties/a", "^a", "(")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([10**30, -(10**400), 0.5, 1e308, *WORDS])
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=300)
@given(ANYTHING, st.booleans())
def test_whatever_comes_is_a_schema_or_refused(schema: Any, of_tool: bool) -> None:
    with suppress(GrammarError):
        json_grammar(json.dumps(schema), of_tool=of_tool)


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"minimum": NaN}', '{"minimum": Infinity}'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(GrammarError):
        json_grammar(text)


@pytest.mark.parametrize(
    ("schema", "taken"),
    [
        ({"type": "integer", "minimum": -(10**400)}, True),
        ({"type": "integer", "maximum": 10**400}, True),
        ({"type": "integer", "minimum": 10**400}, False),
        ({"type": "number", "exclusiveMaximum": -(10**400)}, False),
    ],
)
def test_bounds_beyond_all_numbers_bound_nothing_or_leave_none(schema: Any, taken: bool) -> None:
    text = json.dumps(schema)
    if taken:
        assert "10000000000" not in json_grammar(text)
        return
    with pytest.raises(GrammarError, match="beyond"):
        json_grammar(text)


def test_what_is_nested_too_deeply_is_refused() -> None:
    with pytest.raises(GrammarError) as raised:
        json_grammar('{"items":' * 900 + "{}" + "}" * 900)

    assert raised.value.limit
