"""Records by a caller's schema: what is asked, read, put together and looked up."""

from __future__ import annotations

import json
from typing import Any

import pytest

from funland_plugin.bundled.extract.grounds import Grounds
from funland_plugin.bundled.extract.merging import distinct, one
from funland_plugin.bundled.extract.reading import whole_records
from funland_plugin.bundled.extract.shapes import SchemaError, shape

PERSON: dict[str, Any] = {"type": "object", "properties": {"name": {"$ref": "#/$defs/name"}}}
NAMES = {"name": {"type": "string"}}


def test_one_record_has_the_callers_schema() -> None:
    schema = {**PERSON, "$defs": NAMES}

    assert shape(schema, many=False).schema == schema


def test_many_records_are_a_list_whose_definitions_stay_where_they_are_looked_for() -> None:
    wanted = shape({**PERSON, "$defs": NAMES}, many=True)

    assert wanted.many
    assert wanted.schema == {
        "type": "object",
        "properties": {"records": {"type": "array", "items": PERSON}},
        "required": ["records"],
        "additionalProperties": False,
        "$defs": NAMES,
    }


def test_a_schema_of_a_list_is_that_of_all_records() -> None:
    wanted = shape({"type": "array", "items": {"type": "string"}, "maxItems": 3}, many=False)

    assert wanted.many
    assert wanted.schema["properties"]["records"]["maxItems"] == 3


@pytest.mark.parametrize("reference", ["#", "#/properties/a", "other.json", "#/$defsx/a"])
def test_a_schema_that_refers_to_what_moves_is_refused(reference: str) -> None:
    schema = {"properties": {"a": {"anyOf": [{"$ref": reference}]}}}

    with pytest.raises(SchemaError, match=r"input\.schema"):
        shape(schema, many=True)


def test_what_only_looks_like_a_reference_is_none() -> None:
    schema = {"properties": {"a": {"const": {"$ref": "#"}}}}

    assert shape(schema, many=False).schema == schema


FULL = json.dumps({"records": [{"a": "x]"}, {"a": [1, {"b": "}"}]}, 12, "y"]})


@pytest.mark.parametrize("cut", range(len(FULL) + 1))
def test_what_is_whole_of_an_answer_that_was_cut_is_read(cut: int) -> None:
    records = json.loads(FULL)["records"]

    found = whole_records(FULL[:cut])

    assert found == records[: len(found)]
    if cut >= FULL.index("]}, 12"):
        assert len(found) >= 1
    if cut == len(FULL):
        assert found == records


def test_records_are_told_once() -> None:
    assert distinct([{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"a": 1}]) == [{"a": 1, "b": 2}, {"a": 1}]


@pytest.mark.parametrize(
    ("answers", "merged"),
    [
        ([{"a": "x"}], {"a": "x"}),
        ([{"a": ""}, {"a": "x"}, {"a": "y"}], {"a": "x"}),
        ([{"a": None}, {"b": 1}], {"a": None, "b": 1}),
        ([{"a": [1]}, {"a": [1, 2]}], {"a": [1, 2]}),
        ([{"a": 0}, {"a": 5}], {"a": 0}),
        ([{"a": False}, {"a": True}], {"a": False}),
        (["", "x"], "x"),
        ([None], None),
    ],
)
def test_a_record_of_parts_has_what_the_first_says(answers: list[Any], merged: Any) -> None:
    assert one(answers) == merged


TEXT = "Ann  LEE, aged 42, paid 1,234.50 \u20ac (or 1.234,50) on 3 May; 7 800 others; -5 \u00b0C."


@pytest.mark.parametrize(
    ("record", "places"),
    [
        ({"name": "ann lee", "age": 42, "paid": 1234.5}, []),
        ({"name": "Bob"}, ["records[0].name"]),
        ({"age": 43}, ["records[0].age"]),
        ({"others": 7800, "cold": -5, "day": 3}, []),
        ({"list": ["Ann", "Eve", {"x": 9}]}, ["records[0].list[1]", "records[0].list[2].x"]),
        ({"yes": True, "nothing": None, "empty": ""}, []),
    ],
)
def test_what_the_text_does_not_have_is_named(record: dict[str, Any], places: list[str]) -> None:
    assert Grounds(TEXT).unfounded([record]) == places
