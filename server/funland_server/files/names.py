"""What a file is called, and what it holds by its name."""

from __future__ import annotations

import re
import unicodedata
from mimetypes import MimeTypes
from typing import Final

UNNAMED: Final = "file"
OCTETS: Final = "application/octet-stream"

_LONGEST: Final = 255
_OURS: Final = {".jsonl": "application/jsonl", ".md": "text/markdown"}
"""What not every Python knows."""


def clean_name(given: str) -> str:
    """The last step of a path, without signs that nobody sees, and not too long; what comes after
    the last dot stays as long as it is short."""
    seen = "".join(sign for sign in given if unicodedata.category(sign)[0] != "C")
    name = re.split(r"[/\\]", seen)[-1].strip()
    if name in ("", ".", ".."):
        return UNNAMED
    if len(name) <= _LONGEST:
        return name
    stem, dot, ending = name.rpartition(".")
    kept = _LONGEST - len(dot + ending)
    return stem[:kept] + dot + ending if stem and kept > _LONGEST // 2 else name[:_LONGEST]


def media_type_of(name: str) -> str:
    """What a file of that name holds; `OCTETS` if that says nothing, or that it is compressed."""
    ending = name[name.rfind(".") :].lower() if "." in name else ""
    if ending in _OURS:
        return _OURS[ending]
    # With the types that Python brings: those of the machine differ from one to the next.
    guessed, compressed = MimeTypes().guess_type(f"file{ending}")
    return guessed if guessed and not compressed else OCTETS
