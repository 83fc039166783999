"""Turns a prompt into words that the model knows; all others are one and the same."""

from __future__ import annotations

import re
from random import Random
from typing import Final

from tools.tiny_picture.captions import caption
from tools.tiny_picture.description import said

LENGTH: Final = 32
"""How many words of a prompt count."""
PADDING, UNKNOWN = 0, 1

PATTERN: Final = "[a-z]+|[0-9]|[\u4e00-\u9fff]"
"""What is a word: English ones, digits, and each Chinese character. The rest is passed over."""

_DRAWS: Final = 20_000


def vocabulary() -> list[str]:
    """All words that captions have, in the order of the alphabet, behind two that stand for nothing
    and for the unknown."""
    chance = Random(3)
    texts = (caption(said(chance), chance) for _ in range(_DRAWS))
    return ["<pad>", "<unknown>", *sorted({word for text in texts for word in split(text)})]


def split(text: str) -> list[str]:
    """The words of a text."""
    return re.findall(PATTERN, text.lower())


def encoded(text: str, places: dict[str, int]) -> list[int]:
    """A text as `LENGTH` places in the vocabulary."""
    found = [places.get(word, UNKNOWN) for word in split(text)][:LENGTH]
    return found + [PADDING] * (LENGTH - len(found))
