"""What a row says, and how it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from funland_server.datasets.reading.forms import INSTRUCTION, form_of, kept
from funland_server.datasets.reading.json_rows import BadRowError, parsed

USER, ANSWER = {"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}
CHAT = {"messages": [USER, ANSWER]}


@pytest.mark.parametrize(
    ("row", "form", "made"),
    [
        ({"instruction": "Q", "input": "", "output": "A"}, "INSTRUCTION", CHAT),
        ({"instruction": "Q", "output": "A", "id": 7}, "INSTRUCTION", CHAT),
        ({"instruction": "Q", "input": None, "output": "A"}, "INSTRUCTION", CHAT),
        (
            {"instruction": "Add", "input": "1, 2", "output": "A"},
            "INSTRUCTION",
            {"messages": [{"role": "user", "content": "Add\n\n1, 2"}, ANSWER]},
        ),
        (
            {"instruction": "Q", "output": "A", "system": "S", "history": [["Q", "A"]]},
            "INSTRUCTION",
            {"messages": [{"role": "system", "content": "S"}, USER, ANSWER, USER, ANSWER]},
        ),
        ({"prompt": "Q", "completion": "A"}, "INSTRUCTION", CHAT),
        ({"prompt": [USER], "completion": [ANSWER]}, "INSTRUCTION", CHAT),
        (CHAT, "MESSAGES", CHAT),
        (
            {"messages": [{"role": "human", "content": "Q"}, {"role": "GPT", "content": "A"}]},
            "MESSAGES",
            CHAT,
        ),
        (
            {
                "messages": [
                    {"role": "developer", "content": "S"},
                    {"role": "user", "content": [{"type": "text", "text": "Q"}]},
                    ANSWER,
                ],
                "tools": [],
            },
            "MESSAGES",
            {"messages": [{"role": "system", "content": "S"}, USER, ANSWER]},
        ),
        (
            {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
            "SHAREGPT",
            CHAT,
        ),
        (
            {"conversations": [{"role": "user", "content": "Q"}, {"from": "gpt", "value": "A"}]},
            "SHAREGPT",
            CHAT,
        ),
        ({"text": "Once.", "source": "x"}, "PLAIN", {"text": "Once."}),
    ],
)
def test_a_row_is_known_by_its_names_and_kept_in_one_way(
    row: dict[str, Any], form: str, made: dict[str, Any]
) -> None:
    assert form_of(row) == form
    assert kept(row, form) == made


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"a": 1, "b": 2}, "none of the names that are known .* but a, b"),
    ({}, "but none"),
    ({"text": ""}, "text: is empty"),
    ({"text": 5}, "text: is number, and no string"),
    ({"instruction": "Q", "output": None}, "output: is null"),
    ({"instruction": "Q", "output": "  "}, "output: is empty"),
    ({"instruction": ["Q"], "output": "A"}, "instruction: is array"),
    ({"instruction": "Q", "input": 5, "output": "A"}, "input: is number"),
    ({"instruction": "Q", "output": "A", "history": [["Q"]]}, r"history\[0\]"),
    ({"prompt": "Q", "completion": 1}, "completion: is number"),
    ({"prompt": [USER], "completion": "A"}, "completion: is string, and no array"),
    ({"messages": []}, "messages: is empty"),
    ({"messages": "Q"}, "messages: is string"),
    ({"messages": [USER]}, "last message is not an answer"),
    ({"messages": [ANSWER]}, "nobody asks"),
    ({"messages": [USER, "A"]}, r"messages\[1\]: is string, and no object"),
    ({"messages": [USER, {"role": "narrator", "content": "A"}]}, "'narrator', and no role"),
    ({"messages": [USER, {"content": "A"}]}, r"messages\[1\].role: is null"),
    ({"messages": [USER, {"role": "assistant", "content": None}]}, "content: is null"),
    ({"messages": [USER, {"role": "assistant", "content": ""}]}, r"messages\[1\]: is empty"),
    ({"messages": [USER, {**ANSWER, "tool_calls": [{}]}]}, "calls of tools"),
    ({"messages": [USER, {"role": "tool", "content": "A"}]}, "calls of tools"),
    ({"messages": [USER, ANSWER], "tools": [{}]}, "tools"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}, ANSWER]},
        "a part that is no text",
    ),
    ({"messages": [USER, {"role": "system", "content": "S"}, ANSWER]}, "system message"),
    ({"conversations": [{"from": "human", "value": 1}]}, r"conversations\[0\].value"),
]


@pytest.mark.parametrize(("row", "problem"), WRONG)
def test_what_is_wrong_with_a_row_is_named(row: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadRowError, match=problem):
        kept(row, form_of(row))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1, 2]", "is array, and no object"),
        ('{"text": "a",}', "no JSON"),
        ('{"text": NaN}', "NaN"),
        ('{"text": "a", "text": "b"}', "the name 'text' twice"),
        ('{"a": {"b": 1, "b": 2}}', "the name 'b' twice"),
        ('{"text": "a"} {"text": "b"}', "no JSON"),
        ('{"a": ' + "1" * 5000 + "}", "a number that is too long"),
        ('{"a": ' + "[" * 70 + "]" * 70 + "}", "nests too deep"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nests too deep"),
    ],
)
def test_json_that_readers_disagree_on_is_none(text: str, problem: str) -> None:
    with pytest.raises(BadRowError, match=problem):
        parsed(text)


def test_a_prompt_goes_before_a_text() -> None:
    assert form_of({"prompt": "Q", "completion": "A", "text": "T"}) == INSTRUCTION
