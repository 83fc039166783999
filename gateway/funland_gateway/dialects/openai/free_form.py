"""Calls of tools that take one text: the contract has it as JSON, OpenAI's API as it is."""

from __future__ import annotations

import codecs
import re
from typing import Final

import orjson

_BEGINNING: Final = '{"input":"'
_BEGUN: Final = re.compile(r'\s*\{\s*"input"\s*:\s*"')
_UNIT: Final = re.compile(
    r'(?P<plain>[^"\\]+)|\\u(?P<code>[\da-fA-F]{4})|\\(?P<letter>[^u])'
    r"|(?P<wrong>\\u)(?=[\da-fA-F]{0,3}[^\da-fA-F])"
)
_LETTERS: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class FreeText:
    """Takes a call's arguments piece by piece, and gives the text in them.

    Arguments that are no object whose first member is a string `input` are their own text.
    """

    def __init__(self) -> None:
        self._held = ""
        self._take = self._before
        # It keeps the first half of a character that two escapes tell.
        self._decoder = codecs.getincrementaldecoder("utf-16-le")("replace")

    def more(self, piece: str) -> str:
        """What one more piece of the arguments adds to the text."""
        return self._take(piece)

    def _before(self, piece: str) -> str:
        self._held += piece
        if begun := _BEGUN.match(self._held):
            rest, self._held = self._held[begun.end() :], ""
            self._take = self._within
            return self._within(rest)
        seen = "".join(self._held.split())
        if len(seen) < len(_BEGINNING) and _BEGINNING.startswith(seen):
            return ""
        self._take = self._as_it_is
        return self._held

    def _within(self, piece: str) -> str:
        text, position = self._held + piece, 0
        made: list[str] = []
        while unit := _UNIT.match(text, position):
            position = unit.end()
            made.append(self._decoder.decode(_utf16(unit)))
        self._held = text[position:]
        if self._held.startswith('"'):
            made.append(self._decoder.decode(b"", final=True))
            self._take = self._after
        return "".join(made)

    @staticmethod
    def _after(_piece: str) -> str:
        return ""

    @staticmethod
    def _as_it_is(piece: str) -> str:
        return piece


def free_text(arguments: str) -> str:
    """The text of a whole call."""
    return FreeText().more(arguments)


def free_arguments(text: str) -> str:
    """A call's arguments for its text."""
    return orjson.dumps({"input": text}).decode()


def _utf16(unit: re.Match[str]) -> bytes:
    if code := unit["code"]:
        return int(code, 16).to_bytes(2, "little")
    letter = unit["letter"]
    text = unit["plain"] or unit["wrong"] or _LETTERS.get(letter, letter)
    return text.encode("utf-16-le")
