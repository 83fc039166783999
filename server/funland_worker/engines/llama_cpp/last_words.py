"""What llama.cpp said of a file that it did not load, for whom the file is a model and no path."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable

_SAYS_NOTHING = "failed to load model"
"""Follows each reason, with or without the file's path."""
_SPEAKER = re.compile(r"^(?:[a-z0-9]+(?:_[a-z0-9]+)+: |error loading model(?: [a-z]+)?: )+")
_PATH = re.compile(r"(?<![^\s'\"(])/[^\s'\"(),:]+")
_LONGEST = 300


def why(lines: Iterable[str], path: str | None = None) -> str | None:
    """The last of llama.cpp's error lines that gives a reason, without names of its functions and
    without paths; None if none does."""
    for line in reversed(list(lines)):
        told = " ".join((line.replace(path, "the file") if path else line).split())
        if _SAYS_NOTHING in told:
            continue
        if told := _PATH.sub("the file", _SPEAKER.sub("", told)).strip(" ."):
            return told[:_LONGEST]
    return None


def hint(told: str | None, room: float) -> str:
    """What to do about a reason, as a sentence after it, for a process that has so many bytes of
    address space left; empty if nothing is known."""
    if "allocate" not in (told or "") or math.isinf(room):
        return ""
    return (
        " Its process has a limit: raise memory_limit_bytes or leave it out; a device takes more"
        " address space than memory."
    )
