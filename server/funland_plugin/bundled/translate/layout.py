"""Parts a text into what is translated and what stands around it: line ends and marks of Markdown.

All pieces, one behind the other, are the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_FENCE: Final = re.compile(r"\s{0,3}(?:>\s?)*(`{3,}|~{3,})")
_MARKS: Final = re.compile(
    r"(?:\s*>)*\s*(?:(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?)?(?:\s*#{1,6}\s+)?"
)
"""What may stand before the words of a line: quotes, a list's mark, a box to tick, a heading's."""
_TABLE: Final = re.compile(r"\s*\|.*\|\s*")
_CELL: Final = re.compile(r"((?<!\\)\|)")
_FRONT_MATTER: Final = re.compile(
    r"---[ \t]*\r?\n(?:(?:[\w-]+:.*|[ \t]+.*|- .*)\r?\n){1,200}---[ \t]*(?:\r?\n|$)"
)
"""What is said of a page before its text."""
_WORDS: Final = re.compile(r"[^\W\d_]")
_URL_ALONE: Final = re.compile(r"\s*<?\w+://\S+>?\s*")
_INDENTED: Final = re.compile(r"(?: {4}|\t)")
_REFERENCE: Final = re.compile(r"\s{0,3}\[[^\]]+\]:\s")
_FULL_LINE: Final = 60
"""Characters from which on the end of a line is one of the paragraph's width, and not meant."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of the text."""

    text: str
    translates: bool = False


def pieces(text: str) -> list[Piece]:
    """The pieces of a text. One that is to be translated has words, and no white space at its
    beginning and end."""
    return list(_joined(_lines(text)))


def _lines(text: str) -> Iterator[Piece]:
    fence = ""
    before_blank = True
    front = _FRONT_MATTER.match(text)
    if front:
        yield Piece(front[0])
        text = text[front.end() :]
    for line in text.splitlines(keepends=True):
        mark = _FENCE.match(line)
        if fence:
            yield Piece(line)
            if mark and mark[1][0] == fence[0] and len(mark[1]) >= len(fence):
                fence = ""
            continue
        if mark:
            fence = mark[1]
            yield Piece(line)
            continue
        code = before_blank and _INDENTED.match(line) is not None and not _listed(line)
        before_blank = not line.strip() or code
        if code or not _WORDS.search(line) or _URL_ALONE.fullmatch(line) or _REFERENCE.match(line):
            yield Piece(line)
        elif _TABLE.fullmatch(line.rstrip("\r\n")):
            yield from _cells(line)
        else:
            marks = _MARKS.match(line)
            begin = marks.end() if marks else 0
            yield from _trimmed(line[:begin], line[begin:])


def _listed(line: str) -> bool:
    return re.match(r"\s*(?:[-*+]|\d{1,9}[.)])\s", line) is not None


def _cells(line: str) -> Iterator[Piece]:
    for cell in _CELL.split(line):
        if _WORDS.search(cell):
            yield from _trimmed("", cell)
        elif cell:
            yield Piece(cell)


def _trimmed(marks: str, text: str) -> Iterator[Piece]:
    """The words, with what stands before them and the white space on both sides."""
    words = text.strip()
    begin = text.index(words)
    if marks or begin:
        yield Piece(marks + text[:begin])
    yield Piece(words, translates=bool(_WORDS.search(words)))
    if text[begin + len(words) :]:
        yield Piece(text[begin + len(words) :])


def _joined(found: Iterator[Piece]) -> Iterator[Piece]:
    """Lines of one paragraph together, where their ends are those of its width."""
    held: list[Piece] = []  # words, and perhaps the end of their line
    for piece in found:
        if piece.translates and len(held) == 2 and _goes_on(*held):  # noqa: PLR2004 - words and an end
            held = [Piece(f"{held[0].text}{held[1].text}{piece.text}", translates=True)]
        elif piece.translates or len(held) != 1:
            yield from held
            held = [piece] if piece.translates else []
            if not piece.translates:
                yield piece
        else:
            held.append(piece)
    yield from held


def _goes_on(words: Piece, end: Piece) -> bool:
    last = words.text.rpartition("\n")[2]
    return end.text in ("\n", "\r\n") and len(last) >= _FULL_LINE and not last.endswith("\\")
