"""Reads marks and JSON objects from text that comes in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from funland_worker.chat.formats import ID, NAME

_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
_LONGEST_NAME = 256
_LONGEST_SPACE = 64
_PLAIN_JSON = frozenset(' \t\r\n{}[]:,"-+.0123456789eEtrufalsn')
"""What may stand in JSON outside of strings."""


@dataclass(frozen=True, slots=True)
class Found:
    """Marks that were all there."""

    end: int
    """Where the text goes on behind them."""
    name: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """The text ends before it is clear whether the marks are there."""


def match(text: str, marks: Sequence[str], *, opens: str = "") -> Found | Unclear | None:
    """Looks for marks in a row at the beginning of a text, whitespace around each.

    `opens` must follow, but is not part of what is found. None: the marks are not there, whatever
    comes next.
    """
    place, name = 0, ""
    for mark in (*marks, opens) if opens else marks:
        begin, place = place, _skip_space(text, place)
        if place - begin > _LONGEST_SPACE:
            return None
        before, word, after = _parted(mark)
        if not text.startswith(before, place):
            return Unclear() if before.startswith(text[place:]) else None
        place += len(before)
        if not word:
            continue
        begin = place
        while place < len(text) and text[place] in _NAME_CHARACTERS:
            place += 1
        if place - begin > _LONGEST_NAME:
            return None
        if place == len(text):
            return Unclear()
        if word == NAME:
            name = text[begin:place]
        if place == begin or not text.startswith(after, place):
            return Unclear() if place > begin and after.startswith(text[place:]) else None
        place += len(after)
    return Found(place - len(opens), name)


def _parted(mark: str) -> tuple[str, str, str]:
    for word in (NAME, ID):
        before, found, after = mark.partition(word)
        if found and before in ("", '"'):
            return before, word, after
    return mark, "", ""


def _skip_space(text: str, place: int) -> int:
    while place < len(text) and text[place].isspace():
        place += 1
    return place


def longest_beginning(text: str, marks: Sequence[str]) -> int:
    """How many characters at the end of a text may begin one of the marks."""
    longest = min(len(text), max(map(len, marks), default=1) - 1)
    for length in range(longest, 0, -1):
        if any(mark.startswith(text[-length:]) for mark in marks):
            return length
    return 0


def first_of(text: str, marks: Sequence[str]) -> int:
    """Where the first of the marks begins, -1 if none of them is there."""
    return min((place for mark in marks if (place := text.find(mark)) >= 0), default=-1)


class ObjectScan:
    """Finds the end of a JSON object. It reads only brackets and strings: whether the object is
    valid is the grammar's business."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.ended = False
        """Whether the object is complete, or something came that JSON does not have."""

    def take(self, text: str) -> int:
        """How many characters at the beginning of a text belong to the object."""
        for place, character in enumerate(text):
            if self._in_string:
                self._string(character)
            elif character not in _PLAIN_JSON:
                self.ended = True
                return place
            elif self._bracket(character):
                self.ended = True
                return place + 1
        return len(text)

    def _string(self, character: str) -> None:
        if self._escaped:
            self._escaped = False
        elif character == "\\":
            self._escaped = True
        elif character == '"':
            self._in_string = False

    def _bracket(self, character: str) -> bool:
        if character == '"':
            self._in_string = True
        elif character in "{[":
            self._depth += 1
        elif character in "}]":
            self._depth -= 1
        return not self._depth
