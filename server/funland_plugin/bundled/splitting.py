"""Parts texts where they may be parted: between sentences, then between words.

Nothing is lost: the parts of a text, one behind the other, are the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

_END: Final = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]+[\"'\u201d\u2019\u00bb)\]]*\s+"  # with white space behind it
    r"|[\u3002\uff01\uff1f]+[\u201d\u2019\u300d\u300f\uff09]*\s*"  # in Chinese and Japanese
    r"|\n\s*"
)
_WORD: Final = re.compile(r"\s+")
_NO_END: Final = re.compile(
    r"(?<![^\s(\[])(?:[A-Za-z](?:\.[A-Za-z]){0,5}|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|ca|cf|al"
    r"|No|Nr|Fig|Abs|Art|Bd|bzw|usw|Inc|Ltd|Co)\.$"
)
"""What ends with a dot and ends no sentence: initials, and shortened words."""
_LONGEST_WORD: Final = 16
_NUMBERED: Final = re.compile(r"\s*\d{1,3}\.\s+")
"""The number of a list's item."""


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with the white space behind it."""
    found: list[str] = []
    begin = 0
    for match in _END.finditer(text):
        if "\n" in match[0] or not _goes_on(text, begin, match):
            found.append(text[begin : match.end()])
            begin = match.end()
    if begin < len(text):
        found.append(text[begin:])
    return found


def _goes_on(text: str, begin: int, match: re.Match[str]) -> bool:
    """Whether what looks like a sentence's end is none."""
    if _NUMBERED.fullmatch(text, begin, match.end()):
        return True
    dot = match.start() + 1
    return _NO_END.search(text, max(begin, dot - _LONGEST_WORD), dot) is not None


def parts(text: str, most: int) -> list[str]:
    """A text in parts of at most so many characters, as few as whole sentences allow. Sentences
    that are longer are parted between words, and words that are longer anywhere."""
    return list(_packed(text, most, [sentences, _words, lambda word: _slices(word, most)]))


def beginning(text: str, most: int) -> str:
    """As many of a text's first sentences as have that many characters together, and at least so
    many characters of the first."""
    stripped = text.strip()
    return parts(stripped[: most + 1], most)[0].rstrip() if stripped else ""


def _packed(text: str, most: int, ways: list[Callable[[str], list[str]]]) -> Iterator[str]:
    if len(text) <= most:
        if text:
            yield text
        return
    pending = ""
    for piece in ways[0](text):
        if len(pending) + len(piece) <= most:
            pending += piece
            continue
        if pending:
            yield pending
        pending = ""
        if len(piece) <= most:
            pending = piece
            continue
        *whole, pending = _packed(piece, most, ways[1:])
        yield from whole
    if pending:
        yield pending


def _words(text: str) -> list[str]:
    found: list[str] = []
    begin = 0
    for match in _WORD.finditer(text):
        found.append(text[begin : match.end()])
        begin = match.end()
    return [*found, text[begin:]] if begin < len(text) else found


def _slices(text: str, most: int) -> list[str]:
    return [text[begin : begin + most] for begin in range(0, len(text), most)]
