from __future__ import annotations

import pytest

from funland_server.vllm.speech import Speech, speech

# ruff: noqa: RUF001 - DeepSeek's marks have such bars

QWEN3 = """{% if tools %}{"name": <function-name>, "arguments": <args-json-object>}</tool_call>
<tool_call>{% endif %}{% if enable_thinking is false %}<think>\n\n</think>{% endif %}"""
THOUGHTS = ("<think>", "</think>")


@pytest.mark.parametrize(
    ("template", "marks", "expected"),
    [
        ("{{ messages }}", (), Speech()),
        (QWEN3, THOUGHTS, Speech("hermes", "qwen3", switches_thoughts=True, thinks=True)),
        (QWEN3, (), Speech("hermes", "", switches_thoughts=True, thinks=True)),
        ("<think> {{ messages }}", THOUGHTS, Speech("", "deepseek_r1", thinks=True)),
        ("<|python_tag|> parameters", (), Speech("llama3_json")),
        ("[TOOL_CALLS] [ARGS]", (), Speech("mistral")),
        ("<tool_call> <function=", (), Speech("qwen3_coder")),
        ("<｜tool▁call▁begin｜>function```json", (), Speech("deepseek_v3")),
        ("<｜tool▁call▁begin｜>", (), Speech("deepseek_v31")),
        ("<|channel|>x<|message|>", (), Speech("openai", "openai_gptoss", thinks=True)),
    ],
)
def test_a_template_tells_which_parsers_read_its_models(
    template: str, marks: tuple[str, ...], expected: Speech
) -> None:
    assert speech(template, marks) == expected
