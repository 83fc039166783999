"""Objects hold what their schemas declare; schemas that contradict themselves are found."""

from __future__ import annotations

import json
from typing import Any

import pytest

from funland_worker.constraints.constraint import Constraint, SchemaRule
from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.grammar import matcher, to_grammar
from tests.worker.constraints.test_gbnf import BYTES

Schema = dict[str, Any]

INTEGER: Schema = {"type": "integer"}
ONE: Schema = {"const": 1}


def obj(*required: str, **keywords: Any) -> Schema:
    return {"type": "object", "required": list(required), **keywords}


A = obj("a", properties={"a": INTEGER})
B = obj("b", properties={"b": INTEGER})
NODE = obj("v", properties={"v": INTEGER, "next": {"$ref": "#/$defs/Node"}})


def start(schema: Any, *, of_tool: bool = False) -> Any:
    text = json.dumps(schema)
    rule = SchemaRule("start", text, of_tool=True)
    constraint = Constraint("lark", schemas=(rule,)) if of_tool else Constraint("json_schema", text)
    return matcher(to_grammar(constraint), BYTES)


def allows(schema: Any, text: str, *, of_tool: bool = False) -> bool:
    state = start(schema, of_tool=of_tool)
    spelled = list(text.encode())
    return state.try_consume_tokens(spelled) == len(spelled) and state.is_accepting()


CLOSED: list[tuple[str, Schema, list[str], list[str]]] = [
    ("properties", A, ['{"a":1}'], ['{"a":1,"b":2}', '{"b":1}']),
    ("in depth", obj(properties={"o": A}), ['{"o":{"a":1}}', "{}"], ['{"o":{"a":1,"x":1}}']),
    ("in a list", {"type": "array", "items": A}, ['[{"a":1}]'], ['[{"a":1,"x":1}]']),
    ("in a map", obj(additionalProperties=A), ['{"k":{"a":1}}'], ['{"k":{"a":1,"x":1}}']),
    ("none at all", obj(properties={}), ["{}"], ['{"a":1}']),
    (
        "of several types",
        {"type": ["object", "null"], "properties": {"a": ONE}},
        ["null"],
        ['{"b":1}'],
    ),
    ("any object", {"type": "object"}, ["{}", '{"a":{"b":[1]}}'], ["[]"]),
    ("any value", obj("a", properties={"a": {}}), ['{"a":{"b":1}}'], ['{"a":1,"b":1}']),
    ("opened", obj(properties={"a": {}}, additionalProperties=True), ['{"b":1}'], []),
    (
        "opened for some",
        obj(properties={"a": {}}, additionalProperties=INTEGER),
        ['{"b":1}'],
        ['{"b":""}'],
    ),
    ("patterns", obj(patternProperties={"^x_": INTEGER}), ['{"x_1":1,"x_2":2}'], ['{"y":1}']),
    (
        "undeclared but required",
        obj("z", properties={"a": ONE}),
        ['{"a":1,"z":[]}'],
        ["{}", '{"z":1,"y":1}'],
    ),
    ("all of", {"allOf": [A, B]}, ['{"a":1,"b":2}'], ['{"a":1}', '{"a":1,"b":2,"c":3}']),
    ("all of, beside its own", {**A, "allOf": [B]}, ['{"a":1,"b":2}'], ['{"a":1,"b":2,"c":3}']),
    ("any of", {"anyOf": [A, B]}, ['{"a":1}', '{"b":1}'], ['{"a":1,"b":1}']),
    (
        "any of, beside its own",
        {**obj(properties={"k": ONE}), "anyOf": [A, B]},
        ['{"k":1,"a":1}'],
        ['{"k":1,"a":1,"b":1}', '{"k":1}'],
    ),
    (
        "any of what is required",
        {
            **obj(properties={"a": ONE, "b": ONE}),
            "anyOf": [{"required": ["a"]}, {"required": ["b"]}],
        },
        ['{"a":1}', '{"b":1}', '{"a":1,"b":1}'],
        ["{}", '{"a":1,"c":1}'],
    ),
    (
        "two choices",
        {
            "type": "object",
            "allOf": [
                {"anyOf": [A, B]},
                {"anyOf": [obj(properties={"c": ONE}), obj(properties={"d": ONE})]},
            ],
        },
        ['{"a":1,"c":1}', '{"b":1,"d":1}', '{"b":1}'],
        ['{"a":1,"b":1}', '{"c":1}'],
    ),
    (
        "one of",
        {
            "oneOf": [
                obj("k", properties={"k": {"const": "a"}, "x": ONE}),
                obj("k", properties={"k": {"const": "b"}}),
            ]
        },
        ['{"k":"a","x":1}'],
        ['{"k":"b","x":1}'],
    ),
    (
        "an open one of all",
        {"allOf": [{**A, "additionalProperties": True}, B]},
        ['{"a":1,"b":1,"c":1}'],
        ['{"a":1}'],
    ),
    (
        "a reference",
        {"$defs": {"A": A}, **obj(properties={"o": {"$ref": "#/$defs/A"}})},
        ['{"o":{"a":1}}'],
        ['{"o":{"a":1,"x":1}}'],
    ),
    (
        "a reference with a description",
        {"$defs": {"A": A}, **obj(properties={"o": {"$ref": "#/$defs/A", "description": "an A"}})},
        ['{"o":{"a":1}}'],
        ['{"o":{"a":1,"x":1}}'],
    ),
    (
        "a reference with more",
        {"$defs": {"A": A}, "$ref": "#/$defs/A", **obj(properties={"b": ONE})},
        ['{"a":1,"b":1}'],
        ['{"a":1,"c":1}'],
    ),
    (
        "old definitions",
        {
            "definitions": {"A": A},
            "allOf": [{"$ref": "#/definitions/A"}],
            **obj(properties={"b": ONE}),
        },
        ['{"a":1,"b":1}'],
        ['{"a":1,"c":1}'],
    ),
    (
        "two that share a base",
        {
            "$defs": {
                "A": A,
                "B": {"allOf": [{"$ref": "#/$defs/A"}, B]},
                "C": {"allOf": [{"$ref": "#/$defs/A"}, obj(properties={"c": ONE})]},
            },
            "allOf": [{"$ref": "#/$defs/B"}, {"$ref": "#/$defs/C"}],
        },
        ['{"a":1,"b":1,"c":1}'],
        ['{"a":1,"b":1,"d":1}'],
    ),
    (
        "a choice of references, beside its own",
        {
            "$defs": {"A": A, "B": B},
            **obj(properties={"k": ONE}),
            "anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
        },
        ['{"k":1,"a":1}', '{"b":1}'],
        ['{"k":1,"a":1,"b":1}'],
    ),
    (
        "a choice of references in an open object",
        {
            "$defs": {"A": A, "B": B},
            "type": "object",
            "additionalProperties": True,
            "anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}],
        },
        ['{"a":1,"x":1}'],
        ['{"x":1}'],
    ),
    (
        "itself",
        {"$defs": {"Node": NODE}, "$ref": "#/$defs/Node"},
        ['{"v":1,"next":{"v":2}}'],
        ['{"v":1,"next":{"v":2,"x":1}}'],
    ),
    (
        "itself, put together",
        {
            "$defs": {
                "Base": A,
                "Node": {
                    "allOf": [{"$ref": "#/$defs/Base"}],
                    **obj(properties={"n": {"$ref": "#/$defs/Node"}}),
                },
            },
            "$ref": "#/$defs/Node",
        },
        ['{"a":1}', '{"a":1,"n":{"a":1}}'],
        ['{"a":1,"n":{"a":1,"x":1}}'],
    ),
    (
        "an enum of objects",
        {**obj(properties={"a": {}}), "enum": [{"a": 1, "b": 2}]},
        ['{"a":1,"b":2}'],
        ['{"a":1}'],
    ),
    (
        "unevaluated none",
        {**A, "allOf": [B], "unevaluatedProperties": False},
        ['{"a":1,"b":1}'],
        ['{"a":1,"b":1,"c":1}'],
    ),
    ("unevaluated some", {**A, "unevaluatedProperties": ONE}, ['{"a":1,"c":1}'], ['{"a":1,"c":2}']),
    ("unevaluated all", {**A, "unevaluatedProperties": True}, ['{"a":1,"c":2}'], []),
]


@pytest.mark.parametrize(
    ("schema", "right", "wrong"), [pytest.param(*case[1:], id=case[0]) for case in CLOSED]
)
def test_objects_hold_what_they_declare(schema: Schema, right: list[str], wrong: list[str]) -> None:
    assert all(allows(schema, text) for text in right)
    assert not any(allows(schema, text) for text in wrong)


@pytest.mark.parametrize(
    ("schema", "right", "wrong"), [pytest.param(*case[1:], id=case[0]) for case in CLOSED]
)
def test_arguments_hold_what_they_declare(
    schema: Schema, right: list[str], wrong: list[str]
) -> None:
    definitions = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    value = {key: schema[key] for key in schema if key not in definitions}
    tool = {"properties": {"it": value}, "required": ["it"], **definitions}

    assert all(allows(tool, f'{{"it":{text}}}', of_tool=True) for text in right)
    assert not any(allows(tool, f'{{"it":{text}}}', of_tool=True) for text in wrong)


def test_what_a_condition_speaks_of_may_come_in_a_call() -> None:
    schema = {
        **obj("kind", properties={"kind": {"type": "string"}}),
        "if": {"properties": {"kind": {"const": "b"}}},
        "then": {"properties": {"b": INTEGER}},
        "else": {"properties": {"c": INTEGER}},
        "dependentSchemas": {"kind": {"properties": {"d": INTEGER}}},
    }

    assert allows(schema, '{"kind":"b","b":1}', of_tool=True)
    assert allows(schema, '{"kind":"b","d":1}', of_tool=True)
    assert not allows(schema, '{"kind":"b","b":""}', of_tool=True)
    assert not allows(schema, '{"kind":"b","e":1}', of_tool=True)
    with pytest.raises(GrammarError, match="if"):
        start(schema)


@pytest.mark.parametrize(
    ("text", "content", "call"),
    [
        ('{"a":1,"b":[1,2]}', True, True),
        ('{"a": 1, "b": [1, 2]}', True, True),
        ('{"a": 1,\n  "b": [1,\n\t2]}', True, False),
        ('{"a" : 1}', False, False),
        ('{"a"\n: 1}', False, False),
        ('{"a": 1 ,"b":[]}', False, False),
        ('{"a": 1\n, "b":[]}', False, False),
        ('{"a":  1}', False, False),
        ('{"a": 1,  "b":[]}', False, False),
        ('{"b":[1 ,2]}', False, False),
    ],
)
def test_blanks_stand_where_models_write_them(text: str, content: bool, call: bool) -> None:
    schema = obj(properties={"a": INTEGER, "b": {"type": "array", "items": INTEGER}})

    assert allows(schema, text) is content
    assert allows(schema, text, of_tool=True) is call


NAMES: list[tuple[Any, list[str], list[str]]] = [
    ({"type": "string"}, ["a", "", "ü b"], []),
    (True, ["a"], []),
    ({}, ["a"], []),
    ({"description": "a name", "type": ["string", "null"]}, ["a"], []),
    ({"enum": ["a", "b"]}, ["a", "b"], ["c"]),
    ({"const": "a", "type": "string"}, ["a"], ["b"]),
    ({"$ref": "#/$defs/Key"}, ["x", "y"], ["z"]),
    ({"pattern": "^[a-z]+$"}, ["abc"], ["A", ""]),
    ({"minLength": 2, "maxLength": 3}, ["ab", "abc", "日本"], ["a", "abcd"]),
    (False, [], ["a"]),
]


@pytest.mark.parametrize(("names", "right", "wrong"), NAMES)
@pytest.mark.parametrize("of_tool", [False, True])
def test_names_of_properties_are_held_to_what_is_asked_of_them(
    names: Any, right: list[str], wrong: list[str], of_tool: bool
) -> None:
    defs = {"Key": {"enum": ["x", "y"]}}
    schema = obj(propertyNames=names, additionalProperties=INTEGER, **{"$defs": defs})

    for name in right:
        assert allows(schema, json.dumps({name: 1}, ensure_ascii=False), of_tool=of_tool)
    for name in wrong:
        assert not allows(schema, json.dumps({name: 1}), of_tool=of_tool)
    assert not right or not allows(schema, json.dumps({right[0]: ""}), of_tool=of_tool)


def test_names_that_are_declared_must_be_what_is_asked_too() -> None:
    schema = obj(properties={"a": INTEGER, "B": INTEGER}, propertyNames={"pattern": "^[a-z]$"})

    assert allows(schema, '{"a":1}')
    assert not allows(schema, '{"B":1}')
    assert not allows(schema, '{"c":1}')


@pytest.mark.parametrize(
    "schema",
    [
        obj(propertyNames={"format": "email"}),
        obj(properties={"o": obj(propertyNames={"not": {"const": "a"}})}),
        obj(propertyNames={"pattern": "a"}, patternProperties={"b": {}}),
    ],
)
def test_names_that_can_not_be_asked_for_are_refused_by_the_keyword(schema: Schema) -> None:
    with pytest.raises(GrammarError, match="propertyNames"):
        start(schema)
    assert start(schema, of_tool=True)


CONTRADICTIONS: list[tuple[Any, str]] = [
    (obj("a", "z", properties={"a": ONE}, additionalProperties=False), "required: property 'z'"),
    (obj("a", properties={"a": False}), "required: property 'a'"),
    (obj("o", properties={"o": obj("a", properties={"a": False})}), "properties.o.required"),
    ({"allOf": [{**A, "additionalProperties": False}, B]}, "allOf[1].required: property 'b'"),
    ({"type": "string", "const": 1}, "const"),
    ({"type": "integer", "const": 1.5}, "const"),
    ({"allOf": [{"enum": [1, 2]}, {"const": True}]}, "allOf[1].const"),
    ({"allOf": [{"enum": [1, 2]}, {"enum": [3]}]}, "allOf[1].enum"),
    ({"type": "string", "enum": [1, None]}, "enum"),
    ({"enum": []}, "enum: it has no values"),
    ({"const": "abc", "maxLength": 2}, "const"),
    ({"const": 5, "maximum": 4}, "const"),
    ({"type": "integer", "minimum": 5, "maximum": 3}, "maximum"),
    ({"type": "number", "exclusiveMinimum": 3, "maximum": 3}, "maximum"),
    ({"type": "integer", "exclusiveMinimum": 1, "exclusiveMaximum": 2}, "exclusiveMaximum"),
    ({"type": "integer", "minimum": 0.2, "maximum": 0.8}, "maximum"),
    ({"type": "string", "minLength": 3, "maxLength": 2}, "maxLength"),
    ({"type": "array", "minItems": 3, "maxItems": 2}, "maxItems"),
    ({"type": "array", "minItems": 1, "items": False}, "items"),
    ({"type": "array", "minItems": 2, "prefixItems": [{}, {"enum": []}]}, "prefixItems[1].enum"),
    (
        {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 2, "maximum": 1}},
        "items.maximum",
    ),
    (obj(minProperties=2, maxProperties=1), "maxProperties"),
    (obj("a", "b", maxProperties=1), "required"),
    (obj(minProperties=2, properties={"a": {}}), "minProperties"),
    ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "allOf[1].type"),
    ({"anyOf": [{"enum": []}, False]}, "anyOf[0].enum"),
    ({"type": "integer", "anyOf": [{"type": "string"}, {"type": "null"}]}, "anyOf[0].type"),
    ({"anyOf": []}, "anyOf"),
    (False, "it is false"),
    (
        obj("a", properties={"a": {"$ref": "#/$defs/E"}}, **{"$defs": {"E": {"enum": []}}}),
        "$defs.E.enum",
    ),
    (
        {"$defs": {"N": obj("n", properties={"n": {"$ref": "#/$defs/N"}})}, "$ref": "#/$defs/N"},
        "without end",
    ),
    (obj("a", propertyNames={"enum": ["b"]}), "required: property 'a'"),
]


@pytest.mark.parametrize(("schema", "where"), CONTRADICTIONS)
def test_what_nothing_can_be_is_refused_and_says_where(schema: Any, where: str) -> None:
    with pytest.raises(GrammarError) as raised:
        start(schema)

    assert where in raised.value.message
    assert not raised.value.limit


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (
            obj(properties={"a": {"type": "integer", "minimum": 5, "maximum": 3}, "b": ONE}),
            '{"b":1}',
        ),
        (
            obj(
                properties={"a": {"$ref": "#/$defs/E"}, "b": ONE}, **{"$defs": {"E": {"enum": []}}}
            ),
            '{"b":1}',
        ),
        ({"anyOf": [{"type": "string", "minLength": 2, "maxLength": 1}, {"type": "null"}]}, "null"),
        ({"type": "array", "items": {"enum": []}}, "[]"),
        ({"allOf": [{"enum": [1, 2]}, {"enum": [2, 3]}]}, "2"),
        (obj(additionalProperties={"enum": []}), "{}"),
        (obj(patternProperties={"^a": {"enum": []}}), "{}"),
        ({"type": ["integer", "null"], "minimum": 5, "maximum": 3}, "null"),
        (
            {
                "$defs": {
                    "T": obj(
                        "v",
                        properties={
                            "v": ONE,
                            "t": {"anyOf": [{"$ref": "#/$defs/T"}, {"type": "null"}]},
                        },
                    )
                },
                "$ref": "#/$defs/T",
            },
            '{"v":1,"t":{"v":1,"t":null}}',
        ),
    ],
)
def test_what_need_not_be_is_left_out_if_nothing_can_be_it(schema: Schema, text: str) -> None:
    assert allows(schema, text)
