"""What an answer must be, in all the ways that requests say it."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import OutputFormat
from funland_gateway.dialects.openai.formats import FORMAT_SCHEMAS, read_format
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}}
SCHEMA_TEXT = '{"type":"object","properties":{"a":{"type":"integer"}}}'
OBJECT = OutputFormat(json_object=Empty())
BY_SCHEMA = OutputFormat(json_schema=SCHEMA_TEXT)


def structured(**fields: Any) -> dict[str, Any]:
    return {"structured_outputs": fields}


@pytest.mark.parametrize(
    ("body", "wire"),
    [
        ({}, None),
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, OBJECT),
        ({"response_format": {"type": "json_object", "schema": SCHEMA}}, BY_SCHEMA),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": SCHEMA, "strict": True},
                }
            },
            BY_SCHEMA,
        ),
        ({"response_format": {"type": "json_schema", "schema": SCHEMA}}, BY_SCHEMA),
        ({"json_schema": SCHEMA}, BY_SCHEMA),
        ({"json_schema": {}}, OutputFormat(json_schema="{}")),
        ({"guided_json": SCHEMA}, BY_SCHEMA),
        ({"guided_json": SCHEMA_TEXT}, BY_SCHEMA),
        ({"grammar": 'root ::= "a"'}, OutputFormat(grammar='root ::= "a"')),
        ({"guided_grammar": 'root ::= "a"'}, OutputFormat(grammar='root ::= "a"')),
        ({"guided_regex": "a+"}, OutputFormat(regex="a+")),
        ({"guided_choice": ["yes", "no (a|b) \\ 1.5$"]}, r"(yes|no \(a\|b\) \\ 1\.5\$)"),
        (structured(json=SCHEMA), BY_SCHEMA),
        (structured(json_object=True), OBJECT),
        (structured(json_object=False), None),
        (structured(regex="a+"), OutputFormat(regex="a+")),
        (structured(choice=["a", "b"]), "(a|b)"),
        (structured(grammar="x"), OutputFormat(grammar="x")),
        (structured(), None),
        ({"grammar": "", "response_format": {"type": "json_object"}}, OBJECT),
        (
            {"guided_regex": None, "response_format": {"type": "text"}, "json_schema": SCHEMA},
            BY_SCHEMA,
        ),
    ],
)
def test_a_format_becomes_the_contracts(
    body: dict[str, Any], wire: OutputFormat | str | None
) -> None:
    expected = OutputFormat(regex=wire) if isinstance(wire, str) else wire

    found = read_format(JsonObject(body))

    assert (None if found is None else found.wire) == expected


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {}}, "response_format.type"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.schema"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"name": "a"}}},
            "response_format.json_schema.schema",
        ),
        ({"guided_json": 1}, "guided_json"),
        ({"guided_regex": 1}, "guided_regex"),
        ({"guided_choice": []}, "guided_choice"),
        ({"guided_choice": [1]}, "guided_choice[0]"),
        (structured(regex=1), "structured_outputs.regex"),
        ({"guided_regex": "a", "grammar": "b"}, "guided_regex"),
    ],
)
def test_a_wrong_format_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read_format(JsonObject(body))

    assert [each.field for each in raised.value.error.field_violations] == [field]


def test_tags_are_refused() -> None:
    with pytest.raises(CallFailed) as raised:
        read_format(JsonObject(structured(structural_tag={})))

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED


@pytest.mark.parametrize("name", FORMAT_SCHEMAS)
def test_every_documented_format_is_read(name: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read_format(JsonObject({name: 1}))

    assert raised.value.error.field_violations[0].field == name
