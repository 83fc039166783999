"""What the model is told for functions of namespaces, and what their callers call them."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from funland.v1.inference_pb2 import Tool
from funland_gateway.dialects.openai.callees import Callee, Key, callees, told_name, told_names

PARTS = st.text("ab_.", min_size=1, max_size=5)
KEYS = st.sets(st.tuples(st.sampled_from(["", "a", "a__", "a__b", "b", "ä", "n" * 60]), PARTS))


def test_a_function_of_a_namespace_is_told_with_it() -> None:
    assert told_name(("", "shell")) == "shell"
    assert told_name(("mcp", "shell")) == "mcp__shell"
    assert told_name(("mcp__files__", "read")) == "mcp__files__read"


def test_a_namespace_that_makes_no_name_is_told_as_a_number() -> None:
    for namespace in ("Größe", "two words", "n" * 64):
        assert re.fullmatch(r"[0-9a-f]{8}__read", told_name((namespace, "read")))


@given(KEYS)
@example({("a", "b__c"), ("a__b", "c")})  # both would be a__b__c
@example({("", "mcp__read"), ("mcp", "read")})
@example({("mcp", "x"), ("mcp__", "x")})
def test_no_two_are_told_alike_and_each_comes_back_as_its_own(keys: set[Key]) -> None:
    names = told_names(keys)
    tools = [Tool(name=name, namespace=key[0]) for key, name in names.items()]
    known = callees(tools)

    assert len(set(names.values())) == len(keys)
    for key, name in names.items():
        namespace, bare = key
        assert known.get(name, Callee(name)) == Callee(bare, namespace)
        if not namespace:
            assert name == bare


@given(st.permutations([("", "a"), ("", "n__a"), ("n", "a"), ("m", "a"), ("n__", "a")]))
def test_names_do_not_depend_on_the_order(keys: list[Key]) -> None:
    assert told_names(keys) == told_names(sorted(keys))
