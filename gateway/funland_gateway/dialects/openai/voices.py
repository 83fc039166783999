"""OpenAI's voices, and which of those that are here stands for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from funland.v1.speech_pb2 import Voice

VOICES: Final = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage",
    "shimmer", "verse",
)  # fmt: skip
"""OpenAI's own. Each of them speaks every language."""

_SCRIPTS: Final = (
    ("ja", 0x3040, 0x30FF),  # hiragana, katakana
    ("ko", 0xAC00, 0xD7A3),
    ("zh", 0x3400, 0x9FFF),
    ("ru", 0x0400, 0x04FF),
    ("el", 0x0370, 0x03FF),
    ("he", 0x0590, 0x05FF),
    ("ar", 0x0600, 0x06FF),
    ("hi", 0x0900, 0x097F),
    ("th", 0x0E00, 0x0E7F),
)
"""Languages that are told by their letters, and the first and last of these."""
_BEFORE_CHINESE: Final = ("ja", "ko")
"""Texts in them have Chinese characters too."""


def standing_for(name: str, text: str, voices: Sequence[Voice]) -> str:
    """The id of the voice that an OpenAI name means: of that name, else one that speaks the text's
    language. Empty: the default voice."""
    for voice in voices:
        if name in (voice.voice_id, voice.voice_id.partition(":")[2]):
            return voice.voice_id
    language = language_of(text)
    speaking = [voice for voice in voices if _base(voice.language) == language]
    chosen = next((voice for voice in speaking if voice.default), next(iter(speaking), None))
    return chosen.voice_id if chosen is not None else ""


def language_of(text: str) -> str:
    """The language of a text as far as its letters tell it; empty for Latin and all others."""
    counts = {
        language: sum(first <= ord(sign) <= last for sign in text)
        for language, first, last in _SCRIPTS
    }
    for language in _BEFORE_CHINESE:
        if counts[language]:
            return language
    most = max(counts, key=lambda language: counts[language])
    others = sum(sign.isalpha() for sign in text) - counts[most]
    return most if counts[most] > others else ""


def _base(tag: str) -> str:
    return tag.replace("_", "-").partition("-")[0].lower()
