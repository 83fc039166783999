"""Summarizes a text of any length."""

from __future__ import annotations

from typing import Any

from funland_plugin import Context
from funland_plugin.bundled.asking import Question, asked, with_room
from funland_plugin.bundled.summarize.rounds import summarize
from funland_plugin.bundled.summarize.tidying import tidied
from funland_plugin.bundled.summarize.wording import (
    DEFAULT_LENGTH,
    TEXT,
    part_question,
    whole_question,
)


def execute(context: Context, input: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - as the host calls it
    """See plugin.toml."""
    output_format = context.output_format or TEXT
    wanted = config.get("length", DEFAULT_LENGTH)
    whole = whole_question(config, output_format)
    read = 0

    def ask(question: Question, texts: list[str]) -> list[str]:
        nonlocal read
        context.progress(100 * read / (read + len(texts)), f"{read} texts are read")
        answers = with_room(asked(context, question, texts), texts, question)
        read += len(texts)
        form, length = (output_format, wanted) if question is whole else (TEXT, DEFAULT_LENGTH)
        return [tidied(each.text, form, length, cut=each.cut) for each in answers]

    made = summarize(input["text"], whole, part_question(config), ask)
    return {
        "text": made.text,
        "format": output_format,
        "parts": made.parts,
        "rounds": made.rounds,
    }
