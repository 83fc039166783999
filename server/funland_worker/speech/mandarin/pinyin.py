"""Pinyin as the phonemes that Kokoro was trained with.

Those are the IPA of each initial and final, the tone as an arrow behind the vowel (→ first, ↗
second, ↓ third, ↘ fourth, none for the neutral one), as misaki's first Mandarin front end wrote
them.
"""

from __future__ import annotations

import re
from typing import Final

_TONES: Final = {"1": "→", "2": "↗", "3": "↓", "4": "↘", "5": ""}
_INITIALS: Final = {
    "b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l",
    "g": "k", "k": "kʰ", "h": "x", "j": "ʨ", "q": "ʨʰ", "x": "ɕ", "r": "ɻ",
    "zh": "ꭧ", "ch": "ꭧʰ", "sh": "ʂ", "z": "ʦ", "c": "ʦʰ", "s": "s", "": "",
}  # fmt: skip
# `0` is where the tone stands.
_FINALS: Final = {
    "a": "a0", "ai": "ai0", "an": "a0n", "ang": "a0ŋ", "ao": "au0",
    "e": "ɤ0", "ei": "ei0", "en": "ə0n", "eng": "ə0ŋ", "er": "ɚ0",
    "i": "i0", "ia": "ja0", "ian": "jɛ0n", "iang": "ja0ŋ", "iao": "jau0", "ie": "je0",
    "in": "i0n", "ing": "i0ŋ", "io": "jɔ0", "iong": "jʊ0ŋ", "iou": "jou0", "iai": "jai0",
    "o": "wo0", "ong": "ʊ0ŋ", "ou": "ou0",
    "u": "u0", "ua": "wa0", "uai": "wai0", "uan": "wa0n", "uang": "wa0ŋ", "uei": "wei0",
    "uen": "wə0n", "ueng": "wə0ŋ", "uo": "wo0",
    "ü": "y0", "üe": "ɥe0", "üan": "ɥɛ0n", "ün": "y0n", "ê": "ɛ0",
    "m": "m0", "n": "n0", "ng": "ŋ0",
}  # fmt: skip
_SHORT: Final = {"iu": "iou", "ui": "uei", "un": "uen", "ue": "üe", "v": "ü", "ve": "üe"}
_SYLLABLE: Final = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcs])?([a-zêü]+)([1-5])?")
_ALONE: Final = frozenset({"m", "n", "ng"})
"""What is said without a vowel."""


def ipa(syllable: str) -> str | None:
    """The phonemes of a syllable such as `zhong1`; None: it is none of Mandarin's."""
    plain = syllable.rstrip("12345")
    tone = syllable[len(plain) :] or "5"
    if plain in _ALONE:
        return _FINALS[plain].replace("0", _TONES.get(tone, ""))
    found = _SYLLABLE.fullmatch(_spelled(plain))
    if found is None or tone not in _TONES:
        return None
    initial, final = found[1] or "", found[2]
    if initial in ("j", "q", "x") and final.startswith("u"):
        final = "ü" + final[1:]
    final = _SHORT.get(final, final)
    if final == "i" and initial in ("z", "c", "s", "zh", "ch", "sh", "r"):
        vowel = "ɨ0"
    elif final in _FINALS:
        vowel = _FINALS[final]
    else:
        return None
    if final == "o" and not initial:
        vowel = "ɔ0"
    return _INITIALS[initial] + vowel.replace("0", _TONES[tone])


def _spelled(plain: str) -> str:
    """A syllable with its final as it is, where pinyin writes y or w before it."""
    if plain.startswith("yu"):
        return "ü" + plain[2:]
    if plain.startswith("y"):
        return plain[1:] if plain[1:2] == "i" else "i" + plain[1:]
    if plain.startswith("w"):
        return plain[1:] if plain[1:2] == "u" else "u" + plain[1:]
    return plain
