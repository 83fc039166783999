"""Translates a text of any length, whose layout stays."""

from __future__ import annotations

from typing import Any

from funland_plugin import Context
from funland_plugin.bundled.asking import asked
from funland_plugin.bundled.translate.layout import pieces
from funland_plugin.bundled.translate.passages import translated
from funland_plugin.bundled.translate.wording import question, translation


def execute(context: Context, input: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - as the host calls it
    """See plugin.toml."""
    found = pieces(input["text"])
    passages = [piece.text for piece in found if piece.translates]

    def translate(units: list[str]) -> list[str]:
        told = question(config, max(map(len, units)))
        answers = asked(context, told, units)
        # One that is cut does not come to an end by itself, and so is no translation.
        return [
            "" if answer.cut else translation(answer.text, unit)
            for answer, unit in zip(answers, units, strict=True)
        ]

    made = translated(passages, translate) if passages else []
    told = iter(made)
    text = "".join(
        (next(told) or piece.text) if piece.translates else piece.text for piece in found
    )
    missing = [passage for passage, each in zip(passages, made, strict=True) if each is None]
    return {"text": text, "passages": len(passages), "untranslated": missing}
