"""What is decided about MCP servers' tools, as tables."""

from __future__ import annotations

from typing import Any

import pytest

from funland_server.mcp.naming import OfferedTool, named, offered
from funland_server.mcp.results import Block, outcome, told
from funland_server.mcp.server import ListedTool, Outcome
from funland_server.mcp.stdio import environment
from funland_server.mcp.untrusted import cut, disarmed, redacted

OBJECT: dict[str, Any] = {"type": "object"}


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


@pytest.mark.parametrize(
    ("name", "schema", "told_name", "left_out"),
    [
        ("read", OBJECT, "read", ""),
        ("read.file-2", OBJECT, "read.file-2", ""),
        ("read file/ü", OBJECT, "read_file__", ""),
        ("x" * 100, OBJECT, "x" * 64, ""),
        ("read", {}, "read", ""),
        ("", OBJECT, "_", "its name is empty"),
        ("x" * 300, OBJECT, "x" * 64, "longer than 256"),
        ("read", {"type": "array"}, "read", "no object"),
        ("read", {"type": ["object", "null"]}, "read", "no object"),
        ("read", deep(40), "read", "deeper than 32"),
        ("read", {"type": "object", "description": "x" * 70_000}, "read", "more than 64 KiB"),
        ("read", {"type": "object", "maximum": 2**70}, "read", "no JSON"),
    ],
)
def test_a_tool_is_looked_at(
    name: str, schema: dict[str, Any], told_name: str, left_out: str
) -> None:
    (tool,) = offered("files", [ListedTool(name, "", schema)], None)

    assert tool.told_name == told_name
    assert left_out in tool.left_out
    assert bool(tool.left_out) == bool(left_out)
    assert not tool.left_out or not tool.parameters or name in ("", "x" * 300)


def test_only_what_the_settings_allow_is_offered_and_each_once() -> None:
    listed = [ListedTool(name, "", OBJECT) for name in ("read", "write", "read", "list")]

    assert [tool.name for tool in offered("files", listed, {"read", "list"})] == ["read", "list"]
    assert [tool.name for tool in offered("files", listed, None)] == ["read", "write", "list"]
    assert offered("files", listed, set()) == ()


@pytest.mark.parametrize(
    ("tools", "taken", "names"),
    [
        ([("a", "x"), ("b", "y")], [], ["x", "y"]),
        ([("a", "x"), ("b", "x")], [], ["a__x", "b__x"]),
        ([("a", "x")], ["x"], ["a__x"]),
        ([("a", "x")], ["x", "a__x"], ["a__x_2"]),
        ([("a", "x"), ("a", "x")], [], ["a__x", "a__x_2"]),
        ([("a", "x" * 64), ("b", "x" * 64)], [], ["a__" + "x" * 61, "b__" + "x" * 61]),
        ([("a", "x" * 64), ("a", "x" * 64)], [], ["a__" + "x" * 61, "a__" + "x" * 59 + "_2"]),
    ],
)
def test_names_of_a_chat_are_all_different(
    tools: list[tuple[str, str]], taken: list[str], names: list[str]
) -> None:
    given = [OfferedTool(server, name, name, "", "") for server, name in tools]

    by_name = named(given, taken)

    assert list(by_name) == names
    assert list(by_name.values()) == given
    assert all(len(name) <= 64 for name in by_name)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("plain < text > with [brackets]", True),
        ("a <b>bold</b> word, x<3, [1, 2]", True),
        ("<s", True),
        ("<|im_end|>", False),
        ("<|START_OF_TURN_TOKEN|>", False),
        ("<\uff5ctool\u2581calls\u2581begin\uff5c>", False),
        ("</s>", False),
        ("<start_of_turn>", False),
        ("</tool_response>", False),
        ("<THINK>", False),
        ("[/INST]", False),
        ("[TOOL_RESULTS]", False),
    ],
)
def test_marks_of_templates_are_taken_apart_and_nothing_else(text: str, kept: bool) -> None:
    disarmed_text = disarmed(text)

    assert (disarmed_text == text) == kept
    assert disarmed_text.replace("\u200b", "") == text
    assert disarmed(disarmed_text) == disarmed_text


def test_control_characters_are_left_out() -> None:
    assert disarmed("a\x00b\x1b[31mc\nd\te\r") == "ab[31mc\nd\te\r"


def test_a_text_that_is_cut_says_so_and_stays_within() -> None:
    assert cut("short", 300) == "short"
    shortened = cut("ä" * 1000, 301)
    assert len(shortened.encode()) <= 301
    assert shortened.endswith("ä\n[cut off: 2000 bytes]")
    assert cut("lone \ud800", 100) == "lone ?"


@pytest.mark.parametrize(
    ("secrets", "text"),
    [
        (["password-1"], "it is ***"),
        (["pass"], "it is password-1"),
        (["password-1", "password"], "it is ***"),
        ([], "it is password-1"),
    ],
)
def test_secrets_are_told_to_nobody(secrets: list[str], text: str) -> None:
    assert redacted("it is password-1", secrets) == text


@pytest.mark.parametrize(
    ("blocks", "structured", "text"),
    [
        ([Block("text", "a"), Block("text", "b")], None, "a\nb"),
        ([Block("text", "a")], {"b": 1}, "a"),
        ([], {"b": 1}, '{"b":1}'),
        ([], None, ""),
        ([Block("image", media_type="image/png", size=400)], None,
         "[left out: image of type image/png, 300 bytes]"),
        ([Block("link", "A page.", uri="file:///a")], None, "[a resource: file:///a A page.]"),
        ([Block("resource", "inside", uri="file:///a")], None, "inside"),
        ([Block("resource", media_type="a/b", uri="file:///a")], None,
         "[left out: file:///a of type a/b]"),
        ([Block("hologram")], None, "[left out: a part of kind hologram]"),
    ],
)  # fmt: skip
def test_a_result_is_told_as_text(blocks: list[Block], structured: Any, text: str) -> None:
    assert outcome(blocks, structured, is_failure=False).text == text


def test_a_result_of_many_parts_ends() -> None:
    text = outcome([Block("text", "a")] * 2000, None, is_failure=False).text
    assert text.count("a\n") == 1024
    assert text.endswith("[left out: all after 1024 parts]")


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (Outcome("fine"), "fine"),
        (Outcome("it broke", is_failure=True), "Error: it broke"),
        (Outcome("", is_failure=True), "Error: the tool failed and does not say why"),
        (Outcome(""), "The tool has nothing to tell."),
        (Outcome("key password-1 <|im_end|>"), "key *** <\u200b|im_end|>"),
    ],
)
def test_what_a_model_is_told_is_bounded_plain_and_without_secrets(
    result: Outcome, text: str
) -> None:
    assert told(result, 1000, ["password-1"]).text == text


def test_a_process_gets_little_of_the_servers_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNLAND_SERVER__DATABASE_URL", "s3cret")
    monkeypatch.setenv("SOMEBODYS_TOKEN", "s3cret")
    monkeypatch.setenv("PATH", "/bin")

    given = environment({"PATH": "/opt/bin", "A": "b"})

    assert "s3cret" not in str(given)
    assert given["PATH"] == "/opt/bin"
    assert given["A"] == "b"
