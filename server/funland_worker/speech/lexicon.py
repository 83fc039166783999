"""Texts as a voice is told them that reads by a lexicon: of its words and marks alone.

Such a voice leaves out what its lexicon lacks, without a word. So each word is looked up before.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from funland_worker.speech import english
from funland_worker.speech.mandarin.numbers import SYMBOLS, spelled
from funland_worker.speech.voicing import Part

_LETTER: Final = r"[^\W\d_\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff〇]"
_WORD: Final = re.compile(rf"{_LETTER}+(?:['\u2019]{_LETTER}+)*")
_ASCII_WORD: Final = re.compile(r"[a-z]+(?:'[a-z]+)*")
_PIECE: Final = re.compile(r"[a-z]+(?:'[a-z]+)*|[0-9]+|\S")
_ORDINAL: Final = re.compile(r"(\d{1,9})(?:st|nd|rd|th)\b")
_NUMBER: Final = re.compile(r"\d[\d,]*")
_LONGEST_NUMBER: Final = 15
_SAID: Final = {
    "&": "and", "@": "at", "%": "percent", "+": "plus", "=": "equals", "#": "number",
    "/": "slash", "<": "less than", ">": "greater than", "°": "degrees", "×": "times",
    "÷": "divided by", "±": "plus or minus", "§": "section", "№": "number", "µ": "micro",
    "^": "", "~": "about", "©": "copyright", "²": "squared", "³": "cubed", "½": "half",
    "¼": "quarter", "¾": "three quarters",
}  # fmt: skip
_MARKS: Final = frozenset(",.!?;:")
_WIDE: Final = {"，": ",", "。": ".", "！": "!", "？": "?", "；": ";", "：": ":", "、": ","}
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff〇]")
_BITE: Final = 64


@dataclass(frozen=True, slots=True)
class Reading:
    """How texts of a language are read."""

    unspeakable: Callable[[str], Part | None]
    """The first part that can't be said."""
    has_words: Callable[[str], bool]
    written: Callable[[str], str | None]
    """A sayable sentence in words of the lexicon; None if one is missing after all."""


def words_of(lexicon: Path, tokens: Path, *, tones: bool) -> frozenset[str]:
    """The words of a lexicon that was checked when it was installed, in lower case; `tones` if
    those stand behind the symbols."""
    lines = (line.split() for line in tokens.read_text("utf-8").splitlines())
    symbols = {parts[0] for parts in lines if len(parts) > 1}
    words: set[str] = set()
    for line in lexicon.read_text("utf-8").splitlines():
        word, *said = line.split() or [""]
        said = said[: len(said) // 2] if tones else said
        if said and symbols.issuperset(said):
            words.add(word.lower())
    return frozenset(words)


def english_reading(words: frozenset[str]) -> Reading:
    """English, of which each word must be there."""

    def missing(text: str) -> Part | None:
        unsayable = english.unspeakable(text)
        spoken = text if unsayable is None else text[: unsayable.start]
        for found in _WORD.finditer(spoken):
            if any(word not in words for word in _plain(found[0])):
                return Part(found.start(), min(found.end(), found.start() + _BITE))
        return unsayable

    def written(text: str) -> str | None:
        return _told(_plain_text(text), words)

    return Reading(missing, english.has_words, written)


def mandarin_reading(words: frozenset[str]) -> Reading:
    """Mandarin, of which each character must be there, and each word in the Latin script."""

    def missing(text: str) -> Part | None:
        bad = {char for char in set(text) if not sayable(char)}
        ends = dict[int, int]()
        if bad:
            start = english.first_of(bad, text)
            ends[start] = start + 1
        for found in _WORD.finditer(text):
            if found[0].lower() not in words:
                ends[found.start()] = min(found.end(), found.start() + _BITE)
                break
        return Part(min(ends), ends[min(ends)]) if ends else None

    def sayable(char: str) -> bool:
        if _HAN.match(char):
            return char in words or (char == "〇" and "零" in words)
        if char.isalpha() or char.isdecimal() or char in SYMBOLS:
            return True  # letters are looked up as words
        return english.unspeakable(char) is None and not english.has_words(char)

    def has_words(text: str) -> bool:
        return any(char.isalnum() or char in SYMBOLS for char in text)

    def written(text: str) -> str | None:
        return _told(spelled(text).replace("〇", "零").lower(), words)

    return Reading(missing, has_words, written)


def _told(text: str, words: frozenset[str]) -> str | None:
    """The words and marks of a text; None if a word is missing."""
    told: list[str] = []
    for piece in _PIECE.findall(text):
        mark = _WIDE.get(piece, piece)
        if piece in words:
            told.append(piece if _HAN.match(piece) else f" {piece} ")
        elif mark in _MARKS:
            told[-1:] = [told[-1].rstrip(" ") if told else "", f"{mark} "]
        elif piece.isalnum():
            return None
    return " ".join("".join(told).split()) or None


def _plain(word: str) -> Iterable[str]:
    """A word as the pieces in which it is looked up: of plain letters, in lower case."""
    plain = english.readable(word.replace("\u2019", "'"))
    bare = unicodedata.normalize("NFKD", plain.lower()).encode("ascii", "ignore").decode()
    return _ASCII_WORD.findall(bare) or [word]


def _plain_text(text: str) -> str:
    """An English sentence in plain words, numbers and symbols included."""
    normal: Any = import_module("hibari.g2p.normalize")  # only where it reads
    numbers: Any = import_module("hibari.g2p.numbers")

    def number(found: re.Match[str]) -> str:
        digits = found[0].replace(",", "")
        parts = [digits] if len(digits) <= _LONGEST_NUMBER else list(digits)
        return f" {' '.join(numbers.cardinal(int(part)) for part in parts)} "

    text = str(normal.normalize(english.readable(text.replace("\u2019", "'"))))
    text = _ORDINAL.sub(lambda found: f" {numbers.ordinal(int(found[1]))} ", text)
    text = re.sub(r"(?<=\d)\.(?=\d)", " point ", text)
    text = _NUMBER.sub(number, text)
    text = "".join(f" {_SAID[char]} " if char in _SAID else char for char in text)
    return unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
