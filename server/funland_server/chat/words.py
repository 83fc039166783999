"""Texts as they are searched: without case and accents, and only the beginning of long ones."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from funland.v1.inference_pb2 import Message

LONGEST: Final = 32 * 1024
"""So many characters of a message can be found."""
_MOST_ASKED: Final = 16
_GAPS: Final = re.compile(r"[\s\x00-\x1f\x7f]+")


def folded(*texts: str) -> str:
    """The texts in the form in which they are kept for the search, a line each."""
    return "\n".join(_folded(text[:LONGEST]) for text in texts if text)


def said_in(message: Message) -> str:
    """What a message says, without what it shows."""
    return message.content or "\n".join(
        part.text for part in message.parts if part.HasField("text")
    )


def words_of(query: str) -> list[str]:
    """What a text must have somewhere, each of them, to be found; the first sixteen."""
    return _folded(query).split()[:_MOST_ASKED]


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).casefold()
    plain = "".join(one for one in plain if not unicodedata.combining(one))
    return _GAPS.sub(" ", unicodedata.normalize("NFC", plain)).strip()
