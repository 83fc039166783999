"""Gives a summary the form that was asked for, however a model wrote it."""

from __future__ import annotations

import re
from typing import Final

from funland_plugin.bundled.splitting import sentences
from funland_plugin.bundled.summarize.wording import LENGTHS, MARKDOWN

_FENCE: Final = re.compile(r"```\w*\n(.*?)\n?```", re.DOTALL)
_LABEL: Final = re.compile(
    r"(?:\*\*|#+\s*)?(?:(?:here(?: is|'s)|this is|sure)\b[^\n:]{0,80}|summary)\s*:\s*(?:\*\*)?\s*",
    re.IGNORECASE,
)
_MARK: Final = re.compile(r"(?:[-*+\u2022\u2013\u2014]|\d{1,3}[.)])\s+")


def tidied(answer: str, output_format: str, length: str, *, cut: bool = False) -> str:
    """The summary alone, in so many sentences or points as `length` has at most. Of one that was
    cut, what is whole of it, if there is anything."""
    told = answer.strip()
    if fenced := _FENCE.fullmatch(told):
        told = fenced[1].strip()
    told = _LABEL.sub("", told, count=1) if _LABEL.match(told) else told
    if cut:
        told = "".join(sentences(told)[:-1]).strip() or told
    limits = LENGTHS[length]
    if output_format == MARKDOWN:
        return "\n".join(f"- {point}" for point in _points(told)[: limits.most_points])
    if limits.most_sentences is None:
        return told
    whole = " ".join(_points(told))
    return "".join(sentences(whole)[: limits.most_sentences]).strip()


def _points(text: str) -> list[str]:
    """Lines without the marks of a list; the sentences of a text that has only one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and not _MARK.match(lines[0]):
        lines = [sentence.strip() for sentence in sentences(lines[0])]
    return [_MARK.sub("", line, count=1) if _MARK.match(line) else line for line in lines]
