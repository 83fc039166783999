"""References are followed however they are written, and into whatever part of the schema."""

from __future__ import annotations

import pytest

from tests.worker.constraints.test_schemas import INTEGER, ONE, Schema, allows, obj

X = obj("a", properties={"a": INTEGER})

SPELLINGS = [
    ("Page[Item]", "Page[Item]"),
    ("Page[Item]", "Page%5BItem%5D"),
    ("List<Item>", "List<Item>"),
    ("A~B", "A~0B"),
    ("a/b", "a~1b"),
    ("a b", "a%20b"),
    ("a b", "a b"),
    ("A%B", "A%25B"),
    ("名", "名"),
]


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize(("name", "written"), SPELLINGS)
def test_a_definition_is_found_whatever_its_name(name: str, written: str, beside: bool) -> None:
    reference: Schema = {"$ref": f"#/$defs/{written}"}
    one = {"allOf": [reference, obj(properties={"b": ONE})]} if beside else reference
    schema = {**obj("x", properties={"x": one}), "$defs": {name: X}}

    assert allows(schema, '{"x":{"a":1,"b":1}}' if beside else '{"x":{"a":1}}')
    assert not allows(schema, '{"x":{"a":1,"c":1}}')


ELSEWHERE: list[tuple[str, Schema]] = [
    (
        "OpenAPI's components",
        {
            **obj("x", properties={"x": {"$ref": "#/components/schemas/Y"}}),
            "components": {
                "schemas": {"Y": {"allOf": [{"$ref": "#/components/schemas/X"}]}, "X": X}
            },
        },
    ),
    (
        "an anchor",
        {
            **obj("x", properties={"x": {"allOf": [{"$ref": "#here"}]}}),
            "$defs": {"X": {**X, "$anchor": "here"}},
        },
    ),
    (
        "a name of its own",
        {
            **obj("x", properties={"x": {"allOf": [{"$ref": "x.json"}]}}),
            "$defs": {"X": {**X, "$id": "x.json"}},
        },
    ),
    (
        "the root's name",
        {
            **obj("x", properties={"x": {"allOf": [{"$ref": "https://a.b/c#/$defs/X"}]}}),
            "$id": "https://a.b/c",
            "$defs": {"X": X},
        },
    ),
    (
        "within what has a name",
        {
            **obj("x", properties={"x": {"$ref": "#/$defs/Y"}}),
            "$defs": {
                "Y": {"$id": "y.json", "allOf": [{"$ref": "#/$defs/X"}], "$defs": {"X": X}},
                "X": ONE,
            },
        },
    ),
    ("a property", obj("x", properties={"y": X, "x": {"$ref": "#/properties/y"}})),
]


@pytest.mark.parametrize("schema", [one[1] for one in ELSEWHERE], ids=[one[0] for one in ELSEWHERE])
def test_what_is_referred_to_is_found_and_closed_wherever_it_is(schema: Schema) -> None:
    assert allows(schema, '{"x":{"a":1}}')
    assert not allows(schema, '{"x":{"a":1,"b":1}}')
    assert not allows(schema, '{"x":1}')


def test_what_is_brought_from_elsewhere_may_have_itself_within_it() -> None:
    tree = obj("v", properties={"v": INTEGER, "next": {"$ref": "#/components/schemas/Tree"}})
    schema = {"$ref": "#/components/schemas/Tree", "components": {"schemas": {"Tree": tree}}}

    assert allows(schema, '{"v":1,"next":{"v":2}}')
    assert not allows(schema, '{"v":1,"next":{"w":2}}')


def test_what_is_brought_from_elsewhere_is_read_like_all_else() -> None:
    secret = {"type": "string", "format": "password", "nullable": True}
    schema = {
        **obj("x", properties={"x": {"$ref": "#/components/schemas/Secret"}}),
        "components": {"schemas": {"Secret": secret}},
        "$defs": None,
    }

    assert allows(schema, '{"x":"x"}')
    assert allows(schema, '{"x":null}')
    assert not allows(schema, '{"x":1}')
