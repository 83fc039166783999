"""Summarizes a text of any length."""

from __future__ import annotations

from typing import Any

from funland_plugin import Answer, Context
from funland_plugin.bundled.asking import Question, asked, with_room
from funland_plugin.bundled.splitting import sentences
from funland_plugin.bundled.summarize.rounds import summarize
from funland_plugin.bundled.summarize.wording import TEXT, part_question, whole_question


def execute(context: Context, input: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - as the host calls it
    """See plugin.toml."""
    output_format = context.output_format or TEXT
    read = 0

    def ask(question: Question, texts: list[str]) -> list[str]:
        nonlocal read
        context.progress(100 * read / (read + len(texts)), f"{read} texts are read")
        answers = with_room(asked(context, question, texts), question)
        read += len(texts)
        return [whole_sentences(answer) for answer in answers]

    made = summarize(
        input["text"], whole_question(config, output_format), part_question(config), ask
    )
    return {
        "text": made.text,
        "format": output_format,
        "parts": made.parts,
        "rounds": made.rounds,
    }


def whole_sentences(answer: Answer) -> str:
    """A summary; of one that is cut its whole sentences, if it has one."""
    text = answer.text.strip()
    if not answer.cut:
        return text
    return "".join(sentences(text)[:-1]).strip() or text
