"""What prompts may not have."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

_WIDE: Final = ("W", "F")
"""The widths of characters that are written without spaces between words."""


def blocked_term(prompt: str, terms: Iterable[str]) -> str | None:
    """The first of the terms that a prompt has as a word or phrase of its own, whatever the case,
    the accents, the width and what can't be seen between its letters; None if it has none."""
    folded = _folded(prompt)
    return next((term for term in terms if _pattern(term).search(folded)), None)


@lru_cache(maxsize=1024)
def _pattern(term: str) -> re.Pattern[str]:
    words = [re.escape(word) for word in _folded(term).split()]
    if not words:
        return re.compile(r"(?!)")  # a term of nothing is in no prompt
    before = "" if _joins(_folded(term).strip()[0]) else r"(?<!\w)"
    after = "" if _joins(_folded(term).strip()[-1]) else r"(?!\w)"
    return re.compile(before + r"[\W_]+".join(words) + after)


def _joins(character: str) -> bool:
    """Whether words begin and end at such a character anywhere, or it is no part of one."""
    return unicodedata.east_asian_width(character) in _WIDE or not re.match(r"\w", character)


def _folded(text: str) -> str:
    """Without what tells no letter from another."""
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    seen = (
        one
        for one in parts
        if unicodedata.category(one) not in ("Mn", "Cf", "Cc") or one in "\t\n\r"
    )
    return "".join(seen)
