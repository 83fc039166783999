"""Checks the texts beside a voice that reads by a lexicon, as sherpa-onnx takes them.

tokens.txt     a symbol and its number in each line; a number alone is that of the space
lexicon.txt    a word and its symbols in each line; of Melo's voices as many tones behind them
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from funland_server.models.formats.damage import DamagedFileError

_LARGEST: Final = 64 * 1024**2
_MOST_LINES: Final = 2_000_000
_LONGEST_LINE: Final = 4096
_MOST_TOKENS: Final = 65_536
_TONE: Final = re.compile(r"[0-9]|[1-4][0-9]|50")


def check_tokens(path: Path) -> frozenset[str]:
    """The symbols of a table.

    Raises:
        DamagedFileError: It is none, which sherpa-onnx would end the process for.
    """
    symbols: set[str] = set()
    for number, line in _lines(path):
        symbol, *rest = line.split()
        told = rest[0] if rest else symbol
        if len(rest) > 1 or not told.isdecimal() or int(told) >= _MOST_TOKENS:
            raise DamagedFileError(f"line {number} of {path.name} is no symbol and its number")
        symbols.add(symbol if rest else " ")
    return frozenset(symbols)


def check_lexicon(path: Path, symbols: frozenset[str], *, tones: bool) -> None:
    """Sees that a lexicon has words that can be said; `tones` if those stand in it.

    Raises:
        DamagedFileError: It is none, which sherpa-onnx would end the process for.
    """
    known = 0
    for number, line in _lines(path):
        _, *said = line.split()
        if tones:
            half = len(said) // 2
            if len(said) % 2 or not all(map(_TONE.fullmatch, said[half:])):
                raise DamagedFileError(f"line {number} of {path.name} has no tone for each symbol")
            said = said[:half]
        known += bool(said) and symbols.issuperset(said)
    if not known:
        raise DamagedFileError(f"{path.name} has no word of the symbols that the voice knows")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines and their numbers; none is empty."""
    size = path.stat().st_size
    if not 0 < size <= _LARGEST:
        raise DamagedFileError(f"{path.name} has {size} bytes")
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise DamagedFileError(f"{path.name} is no text in UTF-8") from None
    lines = text.removesuffix("\n").split("\n")
    if "\0" in text or len(lines) > _MOST_LINES:
        raise DamagedFileError(f"{path.name} is no table")
    for number, line in enumerate(lines, 1):
        if not line.strip() or len(line) > _LONGEST_LINE:
            raise DamagedFileError(f"line {number} of {path.name} is empty or too long")
        yield number, line
