"""What a Mandarin voice can say, and its phonemes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final, cast

from funland_worker.speech import english
from funland_worker.speech.mandarin.numbers import SYMBOLS, spelled
from funland_worker.speech.mandarin.pinyin import ipa
from funland_worker.speech.mandarin.tones import changed
from funland_worker.speech.voicing import Part

_MARKS: Final = {
    "，": ",", "、": ",", "；": ";", "：": ":", "。": ".", "．": ".", "｡": ".", "！": "!",
    "？": "?", "…": "…", "—": "—", "–": "—", "（": "(", "）": ")", "《": "“", "》": "”",
    "「": "“", "」": "”", "『": "“", "』": "”", "“": "“", "”": "”", "【": "“", "】": "”",
    ",": ",", ".": ".", "!": "!", "?": "?", ";": ";", ":": ":", "(": "(", ")": ")",
}  # fmt: skip
"""Marks that are heard as pauses or a tone; all others are none."""
_HEARD: Final = frozenset(_MARKS.values())
_LATIN: Final = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ'’-]*(?:\s+[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ'’-]*)*")
_HAN: Final = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff〇々]+")
_BITE: Final = 64


def unspeakable(text: str) -> Part | None:
    """The first part of a text that can't be said; None: all can."""
    bad = {char for char in set(text) if not _sayable(char)}
    if not bad:
        return None
    start = end = english.first_of(bad, text)
    while end < len(text) and end - start < _BITE and text[end] in bad:
        end += 1
    return Part(start, end)


def has_words(text: str) -> bool:
    """Whether a sayable text has anything that is spoken."""
    return any(char.isalnum() or char in SYMBOLS for char in text)


def phonemes(text: str, speak_english: Callable[[str], str]) -> str:
    """The phonemes of a sayable text, in the alphabet of Kokoro; those of words in the Latin script
    are asked for."""
    said = ""
    for part in _parts(spelled(text), speak_english):
        said += part if part in _HEARD or not said else f" {part}"
    return said


def _parts(text: str, speak_english: Callable[[str], str]) -> Iterator[str]:
    place = 0
    while place < len(text):
        if found := _HAN.match(text, place):
            yield _mandarin(found[0])
            place = found.end()
        elif found := _LATIN.match(text, place):
            yield speak_english(found[0])
            place = found.end()
        else:
            if mark := _MARKS.get(text[place]):
                yield mark
            place += 1


def _mandarin(text: str) -> str:
    """Han characters alone."""
    pypinyin, segment = _pypinyin()
    words: list[list[tuple[str, str]]] = []
    for word in segment(_unfolded(text)):
        read = pypinyin.lazy_pinyin(
            word, style=pypinyin.Style.TONE3, neutral_tone_with_five=True, errors="ignore"
        )
        words.append(list(zip(word, read, strict=True)))
    return " ".join("".join(ipa(one) or "" for one in word) for word in changed(words))


def _unfolded(text: str) -> str:
    """With the marks for a repeated character and for zero as what is said."""
    out = ""
    for char in text:
        out += (out[-1:] or "零") if char == "々" else "零" if char == "〇" else char
    return out


@lru_cache(maxsize=8192)
def _sayable(char: str) -> bool:
    if _HAN.fullmatch(char):
        return char in "〇々" or _is_read(char)
    if char in SYMBOLS or char in _MARKS or char.isdecimal():
        return True
    if char.isalpha():
        return bool(_LATIN.fullmatch(char)) or ("Ａ" <= char <= "ｚ")
    return english.unspeakable(char) is None and not english.has_words(char)


def _is_read(char: str) -> bool:
    pypinyin, _ = _pypinyin()
    read = pypinyin.lazy_pinyin(
        char, style=pypinyin.Style.TONE3, neutral_tone_with_five=True, errors="ignore"
    )
    return len(read) == 1 and ipa(read[0]) is not None


@lru_cache(maxsize=1)
def _pypinyin() -> tuple[Any, Callable[[str], Iterator[str]]]:
    """The package, and what cuts a text into words. It is an extra, and slow to import."""
    import pypinyin  # noqa: PLC0415 - an extra
    from pypinyin.seg import mmseg  # noqa: PLC0415 - an extra

    return pypinyin, cast("Any", mmseg).seg.cut
