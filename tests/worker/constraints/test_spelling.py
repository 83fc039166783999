"""Schemas in the words of OpenAPI 3.0, of earlier drafts and of libraries mean what those mean."""

from __future__ import annotations

import re
from typing import Any

import pytest

from funland_worker.constraints.errors import GrammarError
from funland_worker.constraints.spelling import settle_spelling
from tests.worker.constraints.test_schemas import INTEGER, ONE, Schema, allows, obj, start

STRING: Schema = {"type": "string"}
CAT = obj("m", properties={"kind": {"const": "cat", "default": "cat"}, "m": INTEGER})
DOG = obj("m", properties={"kind": {"const": "dog", "default": "dog"}, "m": INTEGER})
TAGGED: Schema = {"discriminator": {"propertyName": "kind"}}
DECIMAL = r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"
EMAIL = (
    r"^(?!\.)(?!.*\.\.)([A-Za-z0-9_'+\-\.]*)[A-Za-z0-9_+-]@"
    r"([A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$"
)

MEANT: list[tuple[str, Schema, list[str], list[str]]] = [
    ("a type", {**STRING, "nullable": True}, ['"x"', "null"], ["1"]),
    ("several types", {"type": ["string", "null"], "nullable": True}, ["null", '"x"'], ["1"]),
    ("an enum", {**STRING, "nullable": True, "enum": ["x"]}, ['"x"', "null"], ['"y"']),
    ("a constant", {"nullable": True, "const": "x"}, ['"x"', "null"], ['"y"']),
    ("an object", {**CAT, "nullable": True}, ['{"m":1}', "null"], ['{"z":1}']),
    ("a reference", {"$ref": "#/$defs/X", "nullable": True}, ['{"m":1}', "null"], ["{}"]),
    (
        "all of",
        {"allOf": [{"$ref": "#/$defs/X"}], "nullable": True, "title": "X"},
        ['{"m":1}', "null"],
        ["{}"],
    ),
    ("any of", {"anyOf": [INTEGER, CAT], "nullable": True}, ["1", "null"], ['""']),
    ("one of", {"oneOf": [INTEGER, CAT], "nullable": True}, ["1", "null"], ['""']),
    ("not nullable", {**STRING, "nullable": False}, ['"x"'], ["null"]),
    ("no pattern", {**STRING, "pattern": None, "enum": None, "minLength": None}, ['"x"'], ["1"]),
    ("no limits of objects", {**CAT, "additionalProperties": None}, ['{"m":1}'], ['{"z":1}']),
    ("null itself", {"const": None}, ["null"], ["1"]),
    ("sizes with a point", {**STRING, "maxLength": 2.0}, ['"xy"'], ['"xyz"']),
    ("a format of nobody's", {**STRING, "format": "password"}, ['"x"'], ["1"]),
    ("brackets", {**STRING, "pattern": r"^\<a\>\\<$"}, [r'"<a>\\<"'], ['"a"']),
    ("another dialect", {**STRING, "$schema": "https://spec.openapis.org/x"}, ['"x"'], ["1"]),
    ("never or", {"anyOf": [{"not": {}}, STRING]}, ['"x"'], ["1"]),
    ("never more", {**CAT, "additionalProperties": {"not": {}}}, ['{"m":1}'], ['{"m":1,"z":1}']),
    (
        "a tag with a default",
        {"oneOf": [CAT, DOG], **TAGGED},
        ['{"kind":"cat","m":1}', '{"kind":"dog","m":1}'],
        ['{"m":1}', '{"kind":"cow","m":1}'],
    ),
    (
        "a tag of what is referred to",
        {"oneOf": [{"$ref": "#/$defs/X"}, {"$ref": "#/$defs/Y"}], **TAGGED},
        ['{"kind":"cat","m":1}', '{"kind":"dog","m":1}'],
        ['{"m":1}'],
    ),
]


@pytest.mark.parametrize(
    ("schema", "good", "bad"), [c[1:] for c in MEANT], ids=[c[0] for c in MEANT]
)
@pytest.mark.parametrize("within", [False, True])
def test_what_is_written_otherwise_means_the_same(
    schema: Schema, good: list[str], bad: list[str], within: bool
) -> None:
    whole = obj("w", properties={"w": schema}) if within else schema
    whole = {**whole, "$defs": {"X": CAT, "Y": DOG}}

    def spelled(text: str) -> str:
        return f'{{"w":{text}}}' if within else text

    assert [text for text in good if not allows(whole, spelled(text))] == []
    assert [text for text in bad if allows(whole, spelled(text))] == []


def test_properties_may_have_the_names_of_keywords() -> None:
    schema = obj(properties={"nullable": ONE, "not": ONE, "format": ONE, "$ref": ONE, "$id": ONE})

    assert allows(schema, '{"nullable":1,"not":1,"format":1,"$ref":1,"$id":1}')


def test_formats_of_the_standard_that_cant_be_enforced_are_refused() -> None:
    with pytest.raises(GrammarError, match="regex"):
        start({**STRING, "format": "regex"})


@pytest.mark.parametrize(
    ("pattern", "texts"),
    [
        (
            DECIMAL,
            ["1", "1.5", ".5", "5.", "-0.25", "+007", "0", "-", ".", "-.", "+", "1.2.3", "a", "1-"],
        ),
        (
            EMAIL,
            [
                "a@b.co",
                "a.b@c.de",
                ".a@b.co",
                "a..b@c.de",
                "a.@b.co",
                "a'b@c.de",
                "a'@b.co",
                "a@b",
                "a@-b.co",
            ],
        ),
    ],
    ids=["decimal", "email"],
)
def test_patterns_of_libraries_take_the_same_texts_without_looking_around(
    pattern: str, texts: list[str]
) -> None:
    schema: dict[str, Any] = {**STRING, "pattern": pattern}
    settle_spelling(schema)

    assert schema["pattern"] != pattern
    for text in texts:
        assert bool(re.search(pattern, text)) == bool(re.search(schema["pattern"], text)), text
        assert allows(schema, f'"{text}"') == bool(re.search(pattern, text)), text


def test_counts_of_properties_that_may_be_missing_are_passed_over_in_tools() -> None:
    schema = obj(properties={"a": ONE, "b": ONE}, minProperties=1)

    assert allows(schema, '{"a":1}', of_tool=True)


@pytest.mark.parametrize("pattern", [r"^{.*}$", r"\A\w+\Z", r"^[[a]+$", r"\bfoo\b", "(?<!a)b"])
def test_patterns_of_other_languages_are_passed_over_in_tools_and_else_refused(
    pattern: str,
) -> None:
    schema = obj(properties={"a": {**STRING, "pattern": pattern}})
    by_name = obj(patternProperties={pattern: INTEGER, "^b$": INTEGER})

    assert allows(schema, '{"a":"x"}', of_tool=True)
    assert allows(by_name, '{"b":1}', of_tool=True)
    with pytest.raises(GrammarError):
        start(schema)


@pytest.mark.parametrize("said", [{"type": ["object", "null"]}, {"nullable": True}, {"type": None}])
def test_arguments_are_an_object(said: Schema) -> None:
    schema = {**obj(properties={"a": ONE}), **said}

    assert allows(schema, '{"a":1}', of_tool=True)
    assert not allows(schema, "null", of_tool=True)
