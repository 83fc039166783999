"""How tones change in the company of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_COUNTED: Final = frozenset("零一二三四五六七八九十点第初百千万亿期")
_DIGITS: Final = frozenset("零一二三四五六七八九十点月号日楼班")

Syllable = tuple[str, str]
"""A character and its pinyin, such as `("好", "hao3")`."""


def changed(words: Sequence[Sequence[Syllable]]) -> list[list[str]]:
    """The pinyin of words as it is said: 一, 不, and third tones before third tones."""
    flat = [syllable for word in words for syllable in word]
    ends: set[int] = set()
    for word in words:
        ends.add((max(ends) if ends else 0) + len(word))
    said = [_alone(flat, place, ends) for place in range(len(flat))]
    for place in reversed(range(len(flat) - 1)):
        # Within a word, and a word of one syllable before the next.
        joined = place + 1 not in ends or place == 0 or place in ends
        if joined and said[place].endswith("3") and flat[place + 1][1].endswith("3"):
            said[place] = said[place][:-1] + "2"
    spoken: list[list[str]] = []
    for word in words:
        start = sum(map(len, spoken))
        spoken.append(said[start : start + len(word)])
    return spoken


def _alone(flat: Sequence[Syllable], place: int, ends: set[int]) -> str:
    char, pinyin = flat[place]
    before = flat[place - 1][0] if place else ""
    after, following = flat[place + 1] if place + 1 < len(flat) else ("", "")
    if char == "不" and pinyin == "bu4" and following.endswith("4"):
        return "bu2"
    if char != "一" or pinyin != "yi1" or not following:
        return pinyin
    if (
        before in _COUNTED
        or after in _DIGITS
        or (place + 1 in ends and place not in ends and place)
    ):
        return pinyin  # a digit, an ordinal, or the end of a word such as 统一
    if before and before == after:
        return "yi5"  # 看一看
    return "yi2" if following[-1] in "45" and after != "一" else "yi4"
