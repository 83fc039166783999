"""Which of vLLM's own parsers read what a model writes: calls of functions, and thoughts.

The names are those of vLLM 0.32; rows are tried in their order, by what a chat template contains.
"""

# ruff: noqa: RUF001 - DeepSeek's marks have such bars

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

_CALLS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("<｜tool▁call▁begin｜>", "```json"), "deepseek_v3"),
    (("<｜tool▁call▁begin｜>",), "deepseek_v31"),
    (("[TOOL_CALLS]",), "mistral"),
    (("<tool_call>", "<function="), "qwen3_coder"),
    (("<tool_call>", "<arg_key>"), "glm45"),
    (("<tool_call>", '"arguments'), "hermes"),
    (("<|channel|>", "<|message|>"), "openai"),
    (("<|python_tag|>", "parameters"), "llama3_json"),
)
_THOUGHTS: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("<|channel|>", "<|message|>"), "openai_gptoss"),
    (("<think>", "enable_thinking", "<arg_key>"), "glm45"),
    (("<think>", "enable_thinking"), "qwen3"),
    (("<think>",), "deepseek_r1"),
)
_THOUGHT_MARKS: Final = frozenset({"<think>", "</think>"})


@dataclass(frozen=True, slots=True)
class Speech:
    """How a model's chats are written."""

    call_parser: str = ""
    """Empty: vLLM has none for it, so it can't be given functions."""
    thought_parser: str = ""
    """Empty: what it writes has no thoughts apart."""
    switches_thoughts: bool = False
    """Whether its template lets a call choose that it thinks, or that it does not."""
    thinks: bool = False
    """Whether its template knows thoughts at all."""


def speech(template: str, marks: Collection[str]) -> Speech:
    """How a model with this chat template, and these tokens that stand for marks, writes."""
    thoughts = _first(_THOUGHTS, template)
    # Those parsers look for both marks among the tokens, and end the program where they are not.
    if "<think>" in template and not _THOUGHT_MARKS.issubset(marks):
        thoughts = ""
    return Speech(
        call_parser=_first(_CALLS, template),
        thought_parser=thoughts,
        switches_thoughts="enable_thinking" in template,
        thinks="think>" in template or thoughts != "",
    )


def _first(rows: tuple[tuple[tuple[str, ...], str], ...], template: str) -> str:
    return next((parser for marks, parser in rows if all(mark in template for mark in marks)), "")
