"""What an English voice can say, and how what its dictionary lacks is put into words.

A character is one of three. It is spoken: letters of the Latin script, digits, and symbols that
people say. It is passed over: spaces, punctuation, brackets, quotes, and marks that people see and
don't say. Anything else is not sayable, and an error: nothing is left out that a listener would
miss.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Set
from functools import lru_cache
from typing import Final

from funland_worker.speech.voicing import Part

_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ACCENTED: Final = frozenset(
    "ÀÁÂÃÄÅÆÇÉÊÌÍÎÏÑÒÓÔÕÖØÚÜÞßàáâãäåæçèéêëìíîïðñòóôõöøùúûüýþÿĀāĂăąĆćČčĎďĐđĒēĕĖėęěĝĞğġģīĭİıķļĽľŁłńņňŋ"
    "ŌōŏőŒœŘřŚśŞşŠšţťūŭŮůŰųŵźŻżŽžșț"
)
"""Letters that Hibari's reader of unknown words knows."""
_SPOKEN: Final = frozenset("&@%+=#/<>^°§№×÷±²³½¼¾µ©~")
"""Symbols that Hibari says itself."""
_GREEK: Final = frozenset(
    """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma
    tau upsilon phi chi psi omega
    """.split()
)
_WORDS: Final[dict[str, str]] = {
    "$": " dollar ", "£": " pound ", "€": " euro ", "¥": " yen ", "₹": " rupee ", "¢": " cent ",
    "₽": " ruble ", "₩": " won ", "₺": " lira ", "₿": " bitcoin ", "฿": " baht ", "₫": " dong ",
    "\\": " backslash ", "™": " trademark ", "®": " registered ", "∞": " infinity ",
    "≤": " less than or equal to ", "≥": " greater than or equal to ", "≠": " not equal to ",
    "≈": " approximately ", "√": " square root of ", "∑": " sum of ", "∫": " integral of ",
    "∂": " partial ", "∆": " delta ", "∈": " in ", "−": " minus ", "·": " ", "⋅": " times ",
    "→": " to ", "←": " from ", "⇒": " implies ", "⇔": " if and only if ", "¬": " not ",
    "∧": " and ", "∨": " or ", "∩": " intersection ", "∪": " union ", "∀": " for all ",
    "∃": " there exists ", "∅": " empty set ", "‰": " per mille ", "℃": " degrees Celsius ",
    "℉": " degrees Fahrenheit ", "℮": " estimated ", "♥": " heart ", "♯": " sharp ",
    "♭": " flat ", "★": " star ", "☆": " star ", "✓": " check ", "✔": " check ", "✗": " cross ",
    "✘": " cross ", "⁄": "/", "ʻ": "'", "ʼ": "'", "º": " ", "ª": " ", "¹": " 1 ",
    "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "Ω": " ohm ", "K": " kelvin ", "Å": " angstrom ",
}  # fmt: skip
"""Symbols that it would leave out, and what people say for them."""
_MARKS: Final = frozenset("*_`|¦´¨¯˜ˆ¸")
"""Marks of writing and of Markdown, beside all punctuation."""
_DRAWN: Final = re.compile("[\u2500-\u25ff\u2022\u2023\u2043\u2219\ufe0e\ufe0f]")
"""Lines, blocks and bullets of tables and lists."""
_SILENT_KINDS: Final = frozenset("Zs Zl Zp Cc Cf Pc Pd Ps Pe Pi Pf Po".split())
_LONGEST_WORD: Final = 24
"""Of longer ones Hibari's reader of unknown words leaves the end out."""
_LONGEST_NUMBER: Final = 15
"""Of longer ones digits are said one by one."""
_BITE: Final = 64

_NUMBER: Final = re.compile(r"\d[\d,]*")
_LONG_WORD: Final = re.compile(rf"[^\W\d_]{{{_LONGEST_WORD + 1},}}")
_MONEY_BEHIND: Final = re.compile(r"(\d)\s?([$£€¥₹])(?![\d\w])")
_MONEY_APART: Final = re.compile(r"([$£€])\s+(?=\d)")
_MONEY_BEFORE: Final = re.compile(r"[$£€¥₹₩]\d")
_BARE_POINT: Final = re.compile(r"(?<![\d.])\.(?=\d)")
_POWER: Final = re.compile("(?<=[A-Za-z0-9)])[⁰¹⁴⁵⁶⁷⁸⁹]+")
_MIXED: Final = re.compile("(?<=[0-9])(?=[⅐-⅞])")
_POWERS: Final = str.maketrans("⁰¹⁴⁵⁶⁷⁸⁹", "01456789")
_LINK: Final = "]("
_MONEY: Final = {"$": "dollars", "£": "pounds", "€": "euros", "¥": "yen", "₹": "rupees"}
_STRAY: Final = re.compile("(?<![A-Za-z\u00c0-\u024f\u1e00-\u1eff\u0300-\u036f])[\u0300-\u036f]")
"""An accent that belongs to no letter."""
_GREEK_WORD: Final = re.compile("[\u0370-\u03ff\u1f00-\u1fff]{2,}")


def unspeakable(text: str) -> Part | None:
    """The first part of a text that can't be said in English; None: all can."""
    bad = {char for char in set(text) if _read(char) is None and not _follows(char)}
    starts = [first_of(bad, text)] if bad else []
    if found := _GREEK_WORD.search(text):
        starts.append(found.start())
    if found := _STRAY.search(text):
        starts.append(found.start())
    if not starts:
        return None
    start = end = min(starts)
    while end < len(text) and end - start < _BITE and not text[end].isspace():
        end += 1
    return Part(start, end)


def first_of(chars: Set[str], text: str) -> int:
    """Where the first of some characters stands in a text that has them; they may be very many."""
    return next(place for place, char in enumerate(text) if char in chars)


def has_words(text: str) -> bool:
    """Whether a sayable text has anything that is spoken."""
    return any(char.isalnum() or char in _SPOKEN or char in _WORDS for char in text)


def readable(text: str) -> str:
    """A sayable text as Hibari reads it, with nothing in it that it would leave out."""
    text = unicodedata.normalize("NFC", text)
    text = _MIXED.sub(" and ", text)
    text = _POWER.sub(lambda found: f" to the power of {found[0].translate(_POWERS)} ", text)
    text = _BARE_POINT.sub("0.", text)
    text = _MONEY_APART.sub(r"\1", text)
    text = _MONEY_BEHIND.sub(lambda found: f"{found[1]} {_MONEY[found[2]]} ", text)
    money = {found.start() for found in _MONEY_BEFORE.finditer(text)}
    text = "".join(
        char if position in money else _read(char) or "" for position, char in enumerate(text)
    )
    text = _NUMBER.sub(_digits, text)
    text = _LONG_WORD.sub(_bites, text)
    return text.replace(_LINK, "] (")


@lru_cache(maxsize=4096)
def _read(char: str) -> str | None:  # noqa: PLR0911 - a table of kinds
    """How a character is read; None: it can't be."""
    if (
        char in _LETTERS
        or char in _ACCENTED
        or char in _SPOKEN
        or (char.isascii() and char.isdigit())
    ):
        return char
    if (words := _WORDS.get(char)) is not None:
        return words
    if char in _MARKS or _DRAWN.match(char):
        return " "
    kind = unicodedata.category(char)
    if kind in _SILENT_KINDS:
        return _mark(char, kind)
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    if kind in {"Nl", "No"}:
        return _numeral(char)
    if "\u0370" <= char <= "\u03ff" and (name := _greek(char)):
        return f" {name} "
    return _plain(char)


def _mark(char: str, kind: str) -> str:
    """A mark as Hibari takes it for one."""
    if kind == "Cf":
        return ""
    if kind in {"Zs", "Zl", "Zp", "Cc"}:
        return " "
    plain = unicodedata.normalize("NFKC", char)
    return {"。": ".", "、": ",", "，": ",", "｡": "."}.get(char, plain if plain.isascii() else char)


def _numeral(char: str) -> str | None:
    value = unicodedata.numeric(char, None)
    if value is None:
        return None
    if value == int(value):
        return f" {int(value)} "
    return " " + unicodedata.normalize("NFKC", char).replace("⁄", "/") + " "


def _greek(char: str) -> str | None:
    """A letter's name."""
    name = unicodedata.name(char, "").removeprefix("GREEK SMALL LETTER ")
    name = name.removeprefix("GREEK CAPITAL LETTER ").removeprefix("FINAL ").lower()
    name = {"lamda": "lambda"}.get(name, name)
    return name if name in _GREEK else None


def _plain(char: str) -> str | None:
    """Letters and forms of letters that stand for plain ones, as in `ễ` or full width."""
    forms = unicodedata.normalize("NFKD", char)
    bare = "".join(one for one in forms if not unicodedata.combining(one))
    known = bare and all(one in _LETTERS or one in _ACCENTED or one in _SPOKEN for one in bare)
    return bare if known else None


def _follows(char: str) -> bool:
    """Whether it is an accent, which belongs to the letter before it."""
    return unicodedata.category(char) == "Mn" and "\u0300" <= char <= "\u036f"


def _digits(found: re.Match[str]) -> str:
    digits = found[0].rstrip(",")
    tail = found[0][len(digits) :]
    bare = digits.replace(",", "")
    return found[0] if len(bare) <= _LONGEST_NUMBER else " " + " ".join(bare) + " " + tail


def _bites(found: re.Match[str]) -> str:
    word = found[0]
    return " ".join(word[at : at + _LONGEST_WORD] for at in range(0, len(word), _LONGEST_WORD))
