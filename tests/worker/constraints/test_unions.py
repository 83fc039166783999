"""Unions whose schemas are told apart by a property with constants, as programs write them."""

from __future__ import annotations

from typing import Any

import pytest

from funland_worker.constraints.errors import GrammarError
from tests.worker.constraints.test_schemas import allows, obj, start

Schema = dict[str, Any]

ONE: Schema = {"const": 1}


def kind(*kinds: str, required: bool = True, **properties: Any) -> Schema:
    names = ["kind", *properties] if required else []
    told: Schema = {"const": kinds[0]} if len(kinds) == 1 else {"enum": list(kinds)}
    return obj(*names, properties={"kind": {"type": "string", **told}, **properties})


def refer(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


CAT, DOG = kind("cat", meows=ONE), kind("dog", "wolf", barks=ONE)
EITHER: Schema = {"oneOf": [refer("Cat"), refer("Dog")]}
DEFAULTS: Schema = {
    "Cat": kind("cat", required=False, meows=ONE),
    "Dog": kind("dog", required=False, meows=ONE),
}
NAMED: Schema = {
    **EITHER,
    "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/$defs/Cat"}},
}
SUM = kind("sum", left={**EITHER, "title": "Left"}, right=EITHER)

UNIONS: list[tuple[str, Schema, list[str], list[str]]] = [
    (
        "of references",
        {"$defs": {"Cat": CAT, "Dog": DOG}, **EITHER},
        ['{"kind":"cat","meows":1}', '{"kind":"wolf","barks":1}'],
        ['{"kind":"cat","barks":1}', '{"meows":1}'],
    ),
    (
        "that names what tells",
        {"$defs": {"Cat": CAT, "Dog": DOG}, **NAMED},
        ['{"kind":"cat","meows":1}', '{"kind":"dog","barks":1}'],
        ['{"kind":"cat","barks":1}'],
    ),
    (
        "whose properties are all optional",
        {"$defs": DEFAULTS, **EITHER},
        ['{"kind":"cat"}', '{"kind":"dog","meows":1}'],
        ["{}", '{"meows":1}'],
    ),
    (
        "of any, that names what tells",
        {
            "$defs": DEFAULTS,
            "anyOf": EITHER["oneOf"],
            "discriminator": NAMED["discriminator"],
        },
        ['{"kind":"cat"}'],
        ["{}"],
    ),
    (
        "of closed schemas",
        {
            "oneOf": [
                {**kind("a", required=False), "additionalProperties": False},
                {**kind("b", required=False), "additionalProperties": False},
            ]
        },
        ['{"kind":"a"}', '{"kind":"b"}'],
        ["{}", '{"kind":"c"}'],
    ),
    (
        "that has itself within",
        {"$defs": {"Cat": kind("cat", meows=ONE), "Dog": SUM}, **NAMED},
        ['{"kind":"sum","left":{"kind":"cat","meows":1},"right":{"kind":"cat","meows":1}}'],
        ['{"kind":"sum","left":{"kind":"cat","meows":1}}'],
    ),
    (
        "within a union",
        {
            "$defs": {
                "Black": obj("color", properties={**CAT["properties"], "color": {"const": "b"}}),
                "White": obj("color", properties={**CAT["properties"], "color": {"const": "w"}}),
                "Cat": {"oneOf": [refer("Black"), refer("White")]},
                "Dog": DOG,
            },
            **NAMED,
        },
        ['{"kind":"cat","color":"w"}', '{"kind":"dog","barks":1}'],
        ['{"color":"w"}', '{"kind":"cat"}'],
    ),
    (
        "with what is no object",
        {"$defs": {"Cat": CAT, "Dog": DOG}, "oneOf": [*EITHER["oneOf"], {"type": "string"}]},
        ['{"kind":"cat","meows":1}', '"cat"'],
        ["1"],
    ),
    (
        "with the second of two properties telling",
        {
            "oneOf": [
                obj(properties={"a": {"const": "x"}, "b": {"const": "y"}}),
                obj(properties={"a": {"const": "x"}, "b": {"const": "z"}}),
            ]
        },
        ['{"b":"y"}', '{"a":"x","b":"z"}'],
        ['{"a":"x"}', "{}"],
    ),
]


@pytest.mark.parametrize("of_tool", [False, True])
@pytest.mark.parametrize(
    ("schema", "valid", "invalid"), [case[1:] for case in UNIONS], ids=[case[0] for case in UNIONS]
)
def test_a_union_is_told_by_its_tag(
    schema: Schema, valid: list[str], invalid: list[str], of_tool: bool
) -> None:
    holder = obj("u", properties={"u": {k: v for k, v in schema.items() if k != "$defs"}})
    holder["$defs"] = schema.get("$defs", {})

    assert [text for text in valid if not allows(holder, f'{{"u":{text}}}', of_tool=of_tool)] == []
    assert [text for text in invalid if allows(holder, f'{{"u":{text}}}', of_tool=of_tool)] == []


@pytest.mark.parametrize(
    "branches",
    [
        [kind("a", x=ONE), kind("a", "b", x=ONE)],
        [{"type": "integer"}, {"type": "number"}],
        [kind("a", x=ONE), kind("a", x=ONE, y=ONE), kind("a", x=ONE, z=ONE)],
    ],
)
def test_a_union_that_nothing_tells_is_refused_in_words(branches: list[Schema]) -> None:
    open_ = [{**each, "additionalProperties": True} for each in branches]

    with pytest.raises(GrammarError, match="a oneOf that more than one of its schemas could fit"):
        start({"oneOf": open_})


def test_a_discriminator_that_is_none_is_passed_over() -> None:
    schema = {"oneOf": [CAT, DOG], "discriminator": {"propertyName": ["kind"]}}

    assert allows(schema, '{"kind":"cat","meows":1}')


@pytest.mark.parametrize(
    "words",
    [{"x-order": 1}, {"deprecated": True}, {"nullable": True}, {"example": None}, {"title": "t"}],
    ids=lambda words: next(iter(words)),
)
@pytest.mark.parametrize(
    "reference",
    [refer("N"), {"anyOf": [refer("N"), {"type": "null"}]}, {"allOf": [refer("N")]}],
    ids=["a reference", "a choice", "a composition"],
)
def test_words_that_ask_nothing_are_taken_beside_what_has_itself_within(
    words: Schema, reference: Schema
) -> None:
    node = obj("v", properties={"v": ONE, "next": {**reference, **words}})

    assert allows({"$defs": {"N": node}, **refer("N")}, '{"v":1,"next":{"v":1}}')


def test_a_reference_may_lead_to_a_word_of_its_own() -> None:
    schema = {"x-shared": {"A": ONE}, "anyOf": [{"$ref": "#/x-shared/A"}, {"type": "null"}]}

    assert allows(schema, "1")


@pytest.mark.parametrize("purpose", ["binary", "password", "path"])
def test_a_format_that_any_text_has_is_taken(purpose: str) -> None:
    assert allows({"type": "string", "format": purpose}, '"anything"')


@pytest.mark.parametrize(
    "dialect",
    [
        "http://json-schema.org/draft-07/schema#",
        "https://json-schema.org/draft/2020-12/schema",
        "http://json-schema.org/schema#",
        "https://spec.openapis.org/oas/3.1/dialect/base",
        "",
        None,
    ],
)
def test_a_schema_may_name_any_dialect(dialect: str | None) -> None:
    assert allows({"$schema": dialect, **obj("a", properties={"a": ONE})}, '{"a":1}')
