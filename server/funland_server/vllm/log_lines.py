"""What vLLM writes, as the lines of a deployment's log."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

Level: TypeAlias = Literal["debug", "info", "warning", "error"]

_LEVELS: Final[Mapping[str, Level]] = {
    "DEBUG": "debug",
    "INFO": "info",
    "WARNING": "warning",
    "ERROR": "error",
    "CRITICAL": "error",
}
_LEVEL: Final = re.compile(r"^(?:\([^)]*\) )?(DEBUG|INFO|WARNING|ERROR|CRITICAL)\b")
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_FAILURE: Final = re.compile(r"^(?:\([^)]*\) )?(?:\w+\.)*\w+(?:Error|Exception)\b: ")
LONGEST: Final = 8192


def read_line(line: bytes, names: Mapping[str, str]) -> tuple[Level, str]:
    """A line's level, and what it says: of the machine's paths in `names` it has their names."""
    text = _COLOUR.sub("", line.decode(errors="replace")).rstrip()
    for path, name in names.items():
        text = text.replace(path, name)
    match = _LEVEL.match(text)
    if match is not None:
        return _LEVELS[match[1]], text[:LONGEST]
    return ("error" if _FAILURE.match(text) else "info"), text[:LONGEST]


def last_words(lines: list[str], *, signalled: bool = False) -> str:
    """Of the last lines the one that tells best why it ended: the first failure that is named, of
    which later ones are consequences, else the last line, unless a signal ended it. Empty if there
    is none."""
    named = next((line for line in lines if _FAILURE.match(line)), "")
    return named or ("" if signalled else (lines or [""])[-1])
