"""Parts texts into words, the same for both databases: neither of them parts Chinese."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

_CJK: Final = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD: Final = re.compile(rf"[{_CJK}]|\d+|[^\W\d_{_CJK}]+")
"""A character of a script without spaces, a number, or letters: `Qwen2.5` has three."""
_LONGEST: Final = 64
_MOST: Final = 1000
"""Words of a text, and ..."""
_MOST_ASKED: Final = 24
"""... of a search: more than that find nothing else."""

Phrase = tuple[str, ...]


def words_of(text: str) -> list[str]:
    """The words of a text in their order, without case and accents."""
    plain = unicodedata.normalize("NFKD", text[:8192]).casefold()
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    composed = unicodedata.normalize("NFC", plain)  # what NFKD takes apart in Korean
    return [word[:_LONGEST] for word in _WORD.findall(composed)[:_MOST]]


def phrases_of(query: str) -> list[Phrase]:
    """What a search must find: for each word between spaces, its words one after the other."""
    phrases: list[Phrase] = []
    left = _MOST_ASKED
    for part in query.split():
        if phrase := tuple(words_of(part)[:left]):
            phrases.append(phrase)
            left -= len(phrase)
        if not left:
            break
    return phrases


def _may_go_on(phrase: Phrase) -> bool:
    """Whether the last word may be the beginning of one: `qwe` is, but 1 is no beginning of 14."""
    return not phrase[-1].isdecimal()


def fts5_query(phrases: Sequence[Phrase], *, column: str = "") -> str:
    """The search in FTS5's language: all phrases, in any column or in one."""
    asked = (f'"{" ".join(phrase)}"{"*" if _may_go_on(phrase) else ""}' for phrase in phrases)
    joined = " AND ".join(asked)
    return f"{{{column}}} : ({joined})" if column else joined


def tsquery(phrases: Sequence[Phrase], *, weight: str = "") -> str:
    """The search as PostgreSQL's `tsquery`, of all words or of those with a weight."""

    def lexeme(word: str, *, prefix: bool) -> str:
        flags = ("*" if prefix else "") + weight
        return f"'{word}'" + (f":{flags}" if flags else "")

    return " & ".join(
        "("
        + " <-> ".join(
            lexeme(word, prefix=place == len(phrase) and _may_go_on(phrase))
            for place, word in enumerate(phrase, 1)
        )
        + ")"
        for phrase in phrases
    )


def tsvector(name: Sequence[str], text: Sequence[str]) -> str:
    """The words of an entry as PostgreSQL's `tsvector`: those of its name have the weight A."""
    places: dict[str, list[str]] = {}
    for place, word in enumerate(name, 1):
        places.setdefault(word, []).append(f"{place}A")
    for place, word in enumerate(text, len(name) + 2):  # no phrase goes over from one to the other
        places.setdefault(word, []).append(str(place))
    return " ".join(f"'{word}':{','.join(where[:250])}" for word, where in places.items())
