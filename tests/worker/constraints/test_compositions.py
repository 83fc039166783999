"""However objects are put together, texts have what is declared, and come to an end."""

from __future__ import annotations

import contextlib
import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from funland_worker.constraints.errors import GrammarError
from tests.worker.constraints.test_schemas import Schema, obj, start

NUMBER: Schema = {"type": "integer", "minimum": 0, "maximum": 9}


def walk(schema: Schema, seed: int) -> str | None:
    """A text that the schema allows, by chance; None if it did not come to an end."""
    state, chance = start(schema), random.Random(seed)  # noqa: S311 - no secret
    text = bytearray()
    for _ in range(400):
        if state.is_accepting():
            return text.decode(errors="replace")
        mask = state.compute_bitmask()
        allowed = [token for token in range(256) if mask[token // 8] >> token % 8 & 1]
        assert allowed, f"{bytes(text)!r} can't go on"
        # Ends are preferred, so that texts have one.
        likely = [token for token in allowed if token in b'"}]:,01abcde'] or allowed
        token = chance.choice(likely)
        assert state.try_consume_tokens([token]) == 1
        text.append(token)
    return None


def an_object(names: list[str], required: int) -> Schema:
    return obj(*names[:required], properties=dict.fromkeys(names, NUMBER))


def put_together(base: Schema, keyword: str, several: list[Schema]) -> Schema:
    return {**base, keyword: several}


def deeper(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    several = st.lists(inner, min_size=1, max_size=3)
    return st.builds(put_together, OBJECTS | ANY, st.sampled_from(["allOf", "anyOf"]), several)


ANY: st.SearchStrategy[Schema] = st.just({"type": "object"})
OBJECTS: st.SearchStrategy[Schema] = st.builds(
    an_object, st.lists(st.sampled_from("abcd"), max_size=3, unique=True), st.integers(0, 2)
)
REFERENCES: st.SearchStrategy[Schema] = st.sampled_from(
    [{"$ref": "#/$defs/X"}, {"$ref": "#/$defs/Y"}]
)
SCHEMAS: st.SearchStrategy[Schema] = st.recursive(OBJECTS | REFERENCES | ANY, deeper, max_leaves=5)
WITHOUT_REFERENCES: st.SearchStrategy[Schema] = st.recursive(OBJECTS | ANY, deeper, max_leaves=4)


def declares(schema: Schema, definitions: Schema) -> bool:
    if "properties" in schema:
        return True
    if "$ref" in schema:
        return declares(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return any(declares(one, definitions) for one in schema.get("allOf", ()))


def choices(schema: Schema, definitions: Schema) -> int:
    """How many choices hold for one value together, where they are most."""
    if "$ref" in schema:
        return choices(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    together = sum(choices(part, definitions) for part in schema.get("allOf", ()))
    branches = [choices(branch, definitions) for branch in schema.get("anyOf", ())]
    return together + (1 + max(branches, default=0) if "anyOf" in schema else 0)


def names(schema: Schema, definitions: Schema) -> set[str]:
    """All that are declared anywhere in a composition."""
    if "$ref" in schema:
        return names(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    parts = [*schema.get("allOf", ()), *schema.get("anyOf", ())]
    inner = [name for part in parts for name in names(part, definitions)]
    return {*schema.get("properties", ()), *schema.get("required", ()), *inner}


@settings(deadline=None, max_examples=150)
@given(SCHEMAS, OBJECTS, WITHOUT_REFERENCES, st.integers(0, 1000))
def test_objects_hold_what_is_declared_however_they_are_put_together(
    schema: Schema, x: Schema, y: Schema, seed: int
) -> None:
    definitions: Schema = {"X": x, "Y": y}
    whole: Schema = {**schema, "$defs": definitions}

    text = walk(whole, seed)

    if text is not None:
        value = json.loads(text)
        closed = declares(schema, definitions)
        # What only another of several choices names may have any value.
        exact = closed and choices(schema, definitions) <= 1
        validator: Any = Draft202012Validator(
            {**whole, "unevaluatedProperties": False} if exact else whole
        )
        validator.validate(value)
        assert not closed or value.keys() <= names(schema, definitions)


def tagged(tags: list[str], required: bool, more: Schema) -> Schema:
    kind = {"const": tags[0]} if len(tags) == 1 else {"enum": tags}
    own: Schema = {**more["properties"], "kind": kind}
    names = [*more["required"], *["kind"] * required]
    return obj(*names, properties=own, additionalProperties=False)


def one_of(branches: list[Schema]) -> Schema:
    return {"oneOf": branches}


KINDS = st.lists(st.sampled_from("xyz"), min_size=1, max_size=2, unique=True)
TAGGED: st.SearchStrategy[Schema] = st.builds(tagged, KINDS, st.booleans(), OBJECTS)
BRANCHES: st.SearchStrategy[Schema] = st.recursive(
    TAGGED | REFERENCES | st.just(NUMBER),
    lambda inner: st.builds(one_of, st.lists(inner, min_size=1, max_size=3)),
    max_leaves=5,
)


@settings(deadline=None, max_examples=200)
@given(st.lists(BRANCHES, min_size=1, max_size=3), TAGGED, TAGGED, st.integers(0, 1000))
def test_what_is_taken_for_one_of_several_is_of_no_other(
    branches: list[Schema], x: Schema, y: Schema, seed: int
) -> None:
    whole: Schema = {"oneOf": branches, "$defs": {"X": x, "Y": y}}
    with contextlib.suppress(GrammarError):  # nothing tells them apart
        text = walk(whole, seed)

        if text is not None:
            validator: Any = Draft202012Validator(whole)
            validator.validate(json.loads(text))
