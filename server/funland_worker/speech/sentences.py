"""Splits a text at its sentences, one after another, so that a book is never held twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SENTENCE_PAUSE: Final = 0.0
"""Seconds of silence after a sentence: voices end theirs with some."""
PARAGRAPH_PAUSE: Final = 0.45

_PARAGRAPH: Final = re.compile(r"\n[^\S\n]*\n\s*|[\u2029\f]\s*")
_CLOSING: Final = "\"'”’)\\]}»›」』】〉》"
_OPENING: Final = "\"'“‘([{«‹¿¡*_"
_END: Final = re.compile(
    # Latin marks end a sentence before a space, those of Chinese and Japanese anywhere. Looked at
    # from the first of them on alone: from each of many it would take the square of their number.
    rf"(?<![.!?…‽])[.!?…‽]+[{_CLOSING}]*(?=\s)|[。！？｡]+[{_CLOSING}]*|\n"
)
_CLAUSES: Final = (
    re.compile(r"[;:—–](?=\s)|[；：]|--"),
    re.compile(r",(?=\s)|[，、､]|[)\]](?=\s)"),
    re.compile(r"\s"),
)
"""Where sentences that are too long are split; the best first."""
_LEAST: Final = 0.4
"""Of `longest`: a better kind of place counts if so much of the piece lies before it."""
_VISIBLE: Final = re.compile(r"\S")
_SHORT_LINE: Final = 40
_ITEM: Final = re.compile(r"[^\S\n]*(?:[-*•‣◦▪]|\d{1,3}[.)]|[A-Za-z][.)])[^\S\n]")

_GO_ON: Final = frozenset(
    """
    adm att atty brig capt cmdr col cpl dr gen gov hon lt maj messrs mlle mme mr mrs ms msgr mt mx
    pres prof rev sen sgt st ste supt approx bros cf corp dept etc inc ltd univ viz vs i.e e.g a.m
    p.m u.s u.k u.n ph.d b.a m.a m.d d.c
    """.split()
)
"""Behind which no sentence is taken to end. Where one does, two are said at once, and sound as they
should; where one were split that goes on, they would not."""
_BEFORE_NUMBERS: Final = frozenset(
    """
    no nos p pp fig figs ch vol vols sec op art ca ref para ed est jan feb mar apr jun jul aug sep
    sept oct nov dec
    """.split()
)
"""Behind which none ends if a number follows."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A part of a text that is said at once: characters `start` to `end`, spaces around it not
    included."""

    start: int
    end: int
    pause: float = SENTENCE_PAUSE
    """Seconds of silence after it."""
    whole: bool = True
    """Whether a sentence ends here; else it goes on in the next part."""


def sentences(text: str, longest: int) -> Iterator[Sentence]:
    """The sentences of a text, none with more than `longest` characters; of a longer one its
    clauses, of a clause its words, of a word its characters."""
    start = 0
    for found in _PARAGRAPH.finditer(text):
        yield from _of_paragraph(text, start, found.start(), longest, PARAGRAPH_PAUSE)
        start = found.end()
    yield from _of_paragraph(text, start, len(text), longest, SENTENCE_PAUSE)


def _of_paragraph(
    text: str, start: int, end: int, longest: int, pause: float
) -> Iterator[Sentence]:
    """Its sentences; the last is followed by the pause of the paragraph."""
    last: Sentence | None = None
    for begin, stop in _parts(text, start, end):
        for piece in _pieces(text, begin, stop, longest):
            if last is not None:
                yield last
            last = piece
    if last is not None:
        yield Sentence(last.start, last.end, pause, last.whole)


def _parts(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start
    for found in _END.finditer(text, start, end):
        ends = _line_ends if found[0] == "\n" else _ends
        if ends(text, begin, found, end):
            yield begin, found.end()
            begin = found.end()
    yield begin, end


def _ends(text: str, begin: int, found: re.Match[str], end: int) -> bool:
    """Whether a mark ends a sentence."""
    after = _next(text, found.end(), end)
    if found[0][0] in "。！？｡" or not after:
        return True
    if after.islower():
        return False
    if found[0] != ".":
        return True
    word = _word_before(text, begin, found.start())
    if (
        word.isdigit()
        and text[max(begin, found.start() - _SHORT_LINE) : found.start()].strip() == word
    ):
        return False  # the number of what follows
    return _stops(word, after)


def _stops(word: str, after: str) -> bool:
    """Whether a full stop behind a word ends the sentence, where the next begins with `after`,
    which is not lower case."""
    if len(word) == 1 and word.isupper():
        return word == "I"  # others are initials
    lower = word.lower()
    if after.isdigit() and lower in _BEFORE_NUMBERS:
        return False
    return lower not in _GO_ON


def _line_ends(text: str, begin: int, found: re.Match[str], end: int) -> bool:
    """Whether a line ends what is said at once: headings, verses and lists, but not lines of a
    paragraph that was wrapped."""
    line = text[max(begin, text.rfind("\n", begin, found.start()) + 1) : found.start()].rstrip()
    if not line or line[-1] in ".!?…:;。！？：；":
        return True
    if _ITEM.match(text, found.end(), end):
        return True
    return len(line) < _SHORT_LINE and not _next(text, found.end(), end).islower()


def _next(text: str, at: int, end: int) -> str:
    """The next letter or digit, opening quotes and brackets passed over; empty: there is none."""
    while at < end and (text[at].isspace() or text[at] in _OPENING):
        at += 1
    return text[at] if at < end else ""


def _word_before(text: str, begin: int, end: int) -> str:
    """The word that a full stop follows, without what opens before it."""
    start = end
    while start > begin and not text[start - 1].isspace() and end - start < _SHORT_LINE:
        start -= 1
    return text[start:end].lstrip(_OPENING)


def _pieces(text: str, start: int, end: int, longest: int) -> Iterator[Sentence]:
    """A sentence, without the spaces around it, split until no piece is too long."""
    while True:
        while start < end and text[start].isspace():
            start += 1
        stop = end
        if end - start > longest:
            stop = _split(text, start, start + longest)
        last = stop
        while last > start and text[last - 1].isspace():
            last -= 1
        if last > start:
            yield Sentence(start, last, whole=_VISIBLE.search(text, stop, end) is None)
        if stop >= end:
            return
        start = stop


def _split(text: str, start: int, limit: int) -> int:
    """Where a piece that begins at `start` ends, at `limit` at the latest."""
    for kind, least in zip(_CLAUSES, (_LEAST, _LEAST, 0.0), strict=True):
        first = start + max(1, int(least * (limit - start)))
        places = [found.end() for found in kind.finditer(text, first, limit)]
        if places:
            return places[-1]
    return limit
