"""Texts that are said character by character."""

from __future__ import annotations

import unicodedata
from typing import Final

_NAMES: Final = {
    ".": "dot", ",": "comma", "-": "dash", "_": "underscore", "/": "slash", "\\": "backslash",
    ":": "colon", ";": "semicolon", "@": "at", "#": "hash", "&": "and", "+": "plus",
    "*": "star", "=": "equals", "%": "percent", "!": "exclamation mark", "?": "question mark",
    "(": "open bracket", ")": "close bracket", "'": "apostrophe", '"': "quote", "~": "tilde",
    "$": "dollar", "|": "bar", "<": "less than", ">": "greater than", "^": "caret",
}  # fmt: skip


def spelled(text: str) -> str:
    """Each letter, digit and mark of a text by itself: `a-1` gives `A, dash, 1`."""
    characters = unicodedata.normalize("NFC", text)
    return ", ".join(_NAMES.get(one, one.upper()) for one in characters if not one.isspace())
