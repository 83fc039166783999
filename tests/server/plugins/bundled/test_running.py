"""The plugins that come with Funland, in their processes, with the embedded model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from funland.v1 import plugins_pb2
from funland_server.app import Server
from tests.server.conftest import call
from tests.server.plugins.conftest import MISSING, execute, reason, refused

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(bool(MISSING), reason=f"plugins are refused here: {MISSING}"),
]

STORY = "A cat and a dog live in a small house by the sea. They are friends. " * 15


async def run(server: Server, plugin_id: str, given: Any, **config: Any) -> Any:
    done = await execute(server, plugin_id, json.dumps(given), config=json.dumps(config))
    return json.loads(done.output), done


async def test_they_are_there_enabled_and_whole(plugins: Server) -> None:
    listed = await call(plugins, "ListPlugins", plugins_pb2.ListPluginsRequest())

    own = {each.plugin_id: each for each in listed.plugins if each.bundled}
    assert set(own) == {
        "describe_table", "extract", "speech_to_text", "summarize", "text_to_image",
        "text_to_speech", "translate",
    }  # fmt: skip
    for each in own.values():
        assert (each.state, each.error) == (plugins_pb2.Plugin.ENABLED, "")
        assert each.description
        assert each.supported_formats


async def test_a_text_that_is_longer_than_the_context_is_summarized(plugins: Server) -> None:
    told, done = await run(plugins, "summarize", {"text": STORY}, length="short")

    assert told["text"]
    assert told["parts"] > 1
    assert told["rounds"] > 1
    assert list(done.models) == ["funland-tiny"]


async def test_a_translation_keeps_what_is_no_language(plugins: Server) -> None:
    text = "# Hello\n\n- Who are you? See `code --now`.\n\n```\nprint(1)\n```\n"

    told, _ = await run(plugins, "translate", {"text": text}, to="German")

    lines = told["text"].split("\n")
    assert [lines[0][:2], lines[1], lines[2][:2]] == ["# ", "", "- "]
    assert lines[3:] == ["", "```", "print(1)", "```", ""]
    assert told["text"].count("`code --now`") == 1
    assert told["passages"] == 2


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


async def test_a_record_has_the_callers_schema_and_what_is_made_up_is_named(
    plugins: Server,
) -> None:
    told, _ = await run(plugins, "extract", {"text": "Ann is 42.", "schema": PERSON})

    (record,) = told["records"]
    assert set(record) == {"name", "age"}
    assert isinstance(record["age"], int)
    made_up = {f"records[0].{key}" for key, value in record.items() if str(value) not in "Ann 42"}
    assert made_up <= set(told["unfounded"])


async def test_many_records_end_though_the_model_does_not(plugins: Server) -> None:
    schema = {"type": "array", "items": {"enum": ["cat", "dog", "sea"]}, "minItems": 2}

    told, _ = await run(plugins, "extract", {"text": STORY[:400], "schema": schema}, max_tokens=32)

    assert set(told["records"]) <= {"cat", "dog", "sea"}
    assert "records[0]" not in told["unfounded"]


async def test_a_record_that_does_not_end_is_told(plugins: Server) -> None:
    long = {"type": "object", "properties": {"a": {"type": "string", "minLength": 200}}}
    given = {"text": "Ann is 42.", "schema": {**long, "required": ["a"]}}

    error = await refused(plugins, "extract", json.dumps(given), config='{"max_tokens": 16}')

    assert reason(error) == "PLUGIN_FAILED"
    assert "The model wrote 16 tokens and no whole record" in error.details()


async def test_a_schema_that_is_none_is_the_callers_mistake(plugins: Server) -> None:
    given = {"text": "a", "schema": {"properties": {"a": {"$ref": "#"}}}}

    error = await refused(plugins, "extract", json.dumps(given))

    assert reason(error) == "PLUGIN_FAILED"
    assert "input.schema" in error.details()


async def test_a_table_is_described_without_a_model(plugins: Server) -> None:
    told, done = await run(plugins, "describe_table", {"table": "a,b\n1,x\n3,y\n,y\n"})

    assert not done.models
    assert (told["rows"], told["columns"][0]["mean"], told["columns"][0]["missing"]) == (3, 2.0, 1)
    assert told["text"].startswith("3 rows, 2 columns.")


async def test_a_summary_of_a_table_has_no_number_of_the_models_own(plugins: Server) -> None:
    told, done = await run(plugins, "describe_table", {"rows": [{"a": 1}, {"a": 3}]}, summary=True)

    assert list(done.models) == ["funland-tiny"]
    assert told["text"].endswith("| a | integer | 2 | 0 | 2 | 1 | 3 | 2 | 1.5, 2, 2.5 |  |")


@pytest.mark.parametrize(
    ("plugin_id", "given", "field"),
    [
        ("summarize", '{"text": " "}', "input.text"),
        ("translate", "{}", "input"),
        ("extract", '{"text": "a"}', "input"),
        ("describe_table", '{"table": "a", "rows": [{}]}', "input"),
    ],
)
async def test_what_is_wrong_with_an_input_is_named(
    plugins: Server, plugin_id: str, given: str, field: str
) -> None:
    error = await refused(plugins, plugin_id, given)

    assert reason(error) == "FIELD_INVALID"
    assert error.details().startswith(field)
