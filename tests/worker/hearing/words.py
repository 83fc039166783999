"""Counts the words that a recogniser got wrong."""

from __future__ import annotations

import re

_DIGITS = {
    "0": "zero", "1": "one", "2": "two", "3": "three", "4": "four", "5": "five", "6": "six",
    "7": "seven", "8": "eight", "9": "nine", "10": "ten", "11": "eleven", "12": "twelve",
}  # fmt: skip


def words(text: str) -> list[str]:
    """Those of a text, however they are written."""
    plain = re.sub(r"[^\w\s']", " ", text.lower().replace("-", ""))
    return [_DIGITS.get(word, word) for word in plain.split()]


def wrong_words(said: str, heard: str) -> int:
    """How many words would have to be put in, taken out or replaced."""
    return edits(words(said), words(heard))


def edits(one: list[str], other: list[str]) -> int:
    """The distance of Levenshtein."""
    row = list(range(len(other) + 1))
    for place, wanted in enumerate(one, 1):
        before, row[0] = row[0], place
        for column, got in enumerate(other, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (wanted != got)),
            )
    return row[-1]
