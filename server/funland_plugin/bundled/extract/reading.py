"""Reads a model's JSON, and what is whole in it where it was cut."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from funland_plugin.bundled.extract.shapes import RECORDS

_BEGIN: Final = re.compile(rf'\s*\{{\s*"{RECORDS}"\s*:\s*\[')
_NEXT: Final = re.compile(r"[\s,]*")


def whole(text: str) -> Any:
    """The JSON of an answer; raises ValueError for one that was cut."""
    return json.loads(text)


def whole_records(text: str) -> list[Any]:
    """The records of an answer, of one that was cut those before the cut."""
    begin = _BEGIN.match(text)
    if begin is None:
        return []
    decoder = json.JSONDecoder()
    found: list[Any] = []
    at = _after(text, begin.end())
    while at < len(text) and text[at] != "]":
        try:
            record, end = decoder.raw_decode(text, at)
        except ValueError:
            break
        at = _after(text, end)
        # A number at the very end may have had more digits.
        if at < len(text):
            found.append(record)
    return found


def _after(text: str, at: int) -> int:
    match = _NEXT.match(text, at)
    return match.end() if match else at
