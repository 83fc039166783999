"""The format of a model's calls is known by its template."""

# ruff: noqa: RUF001 - the marks of DeepSeek have fullwidth bars

from __future__ import annotations

import pytest

from funland_worker.chat.formats import (
    DEEPSEEK,
    DEEPSEEK_R1,
    HERMES,
    LLAMA,
    MISTRAL,
    MISTRAL_ARRAY,
    ChatFormat,
    known_format,
)
from funland_worker.chat.reasoning import known_reasoning


@pytest.mark.parametrize(
    ("template", "chat_format"),
    [
        ('{% for t in tools %}<tool_call>\n{\\"name\\": <n>, \\"arguments\\": <a>}', HERMES),
        ('<|python_tag|> {"name": function name, "parameters": dictionary}', LLAMA),
        ("message.role == 'ipython' ... '\"parameters\": '", LLAMA),
        ("{{ '[TOOL_CALLS]' + call.name + '[ARGS]' + call.arguments }}", MISTRAL),
        ("{{ '[TOOL_CALLS][' }}", MISTRAL_ARRAY),
        ("<｜tool▁call▁begin｜>' + tool['type'] + '<｜tool▁sep｜>' + '```json'", DEEPSEEK_R1),
        ("<｜tool▁call▁begin｜>'+ tool['function']['name'] + '<｜tool▁sep｜>'", DEEPSEEK),
        ('{% for t in tools %}<function=example>{"parameters"}<|python_tag|>', None),
        ("<tool_call>{function-name}<arg_key>{arg-key-1}</arg_key>", None),
        ("{{ messages[0].content }}", None),
    ],
)
def test_a_template_tells_its_format(template: str, chat_format: ChatFormat | None) -> None:
    assert known_format(template) == chat_format


def test_an_example_shows_the_usual_form() -> None:
    assert HERMES.example() == (
        '<tool_call>{"name": "<function-name>", "arguments": <args-json-object>}</tool_call>'
    )
    assert MISTRAL.example() == "[TOOL_CALLS]<function-name>[ARGS]<args-json-object>"


@pytest.mark.parametrize(
    ("template", "begin"),
    [
        ("{{ content.split('</think>')[-1] }}", "<think>"),
        ("[THINK]{{ message.reasoning }}[/THINK]", "[THINK]"),
        ("{{ message.content }}", None),
    ],
)
def test_a_template_tells_whether_its_model_thinks(template: str, begin: str | None) -> None:
    marks = known_reasoning(template)

    assert (marks.begin if marks else None) == begin
