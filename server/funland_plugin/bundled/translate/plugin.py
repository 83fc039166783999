"""Translates a text of any length, whose layout stays."""

from __future__ import annotations

from typing import Any

from funland_plugin import Context
from funland_plugin.bundled.asking import asked
from funland_plugin.bundled.translate.layout import pieces
from funland_plugin.bundled.translate.passages import translated
from funland_plugin.bundled.translate.wording import alike, question, translation


def execute(context: Context, input: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - as the host calls it
    """See plugin.toml."""
    found = pieces(input["text"])
    passages = [piece.text for piece in found if piece.translates]

    done = 0

    def translate(units: list[str]) -> list[str]:
        nonlocal done
        told = [""] * len(units)
        for group in alike(units):
            texts = [units[index] for index in group]
            answers = asked(context, question(config, max(map(len, texts))), texts)
            for index, answer in zip(group, answers, strict=True):
                # One that is cut does not come to an end by itself, and so is no translation.
                told[index] = "" if answer.cut else translation(answer.text, units[index])
            done += len(group)
            context.progress(100 * done / max(len(passages), done + 1), f"{done} are translated")
        return told

    made = translated(passages, translate) if passages else []
    told = iter(made)
    text = "".join(
        (next(told) or piece.text) if piece.translates else piece.text for piece in found
    )
    missing = [passage for passage, each in zip(passages, made, strict=True) if each is None]
    return {"text": text, "passages": len(passages), "untranslated": missing}
