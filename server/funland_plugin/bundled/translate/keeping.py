"""Keeps what a translation must leave as it is: code, addresses, marks within a sentence."""

from __future__ import annotations

import re
from typing import Final

_KEPT: Final = re.compile(
    r"(?P<code>`+)(?!`).+?(?<!`)(?P=code)(?!`)"  # code
    r"|!?\[\[[^\]]+\]\]"  # what wikis link
    r"|(?<=\])\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?:\s+\"[^\"]*\")?\)"  # where a link leads
    r"|<[/!?]?[A-Za-z][^<>]*>"  # tags, and addresses in angles
    r"|\bhttps?://[^\s<>()\[\]]+[^\s<>()\[\].,;:!?]"
    r"|[\w.+-]+@[\w-]+\.[\w.-]*\w"
    r"|\{\{[^{}]*\}\}|\$\{[^{}]*\}|\{\w*\}|%\(\w+\)[sd]|%[sd]\b"  # fields of forms
)
_MARK: Final = re.compile(r"\u27e6\s*(\d{1,4})\s*\u27e7")


def kept(text: str) -> tuple[str, list[str]]:
    """The text with marks, such as `\u27e60\u27e7`, for what is kept, and what they stand for."""
    found: list[str] = []

    def mark(match: re.Match[str]) -> str:
        found.append(match[0])
        return f"\u27e6{len(found) - 1}\u27e7"

    if _MARK.search(text):
        return text, []  # it has such marks of its own
    return _KEPT.sub(mark, text), found


def given_back(text: str, found: list[str]) -> str | None:
    """The text with what its marks stand for; None if they are not all there, each once."""
    if sorted(int(number) for number in _MARK.findall(text)) != list(range(len(found))):
        return None
    return _MARK.sub(lambda match: found[int(match[1])], text) if found else text


def between(text: str) -> list[tuple[str, bool]]:
    """The runs of a text, one behind the other, and whether each is kept."""
    runs: list[tuple[str, bool]] = []
    begin = 0
    for match in _KEPT.finditer(text):
        runs += [(text[begin : match.start()], False), (match[0], True)]
        begin = match.end()
    return [run for run in [*runs, (text[begin:], False)] if run[0]]
