"""What a session is called as long as nobody gave it a title."""

from __future__ import annotations

from typing import Final

LONGEST: Final = 80
"""In characters, the mark of what was left out included."""
_READ: Final = 4096
_MARK: Final = "…"


def beginning(said: str) -> str:
    """The beginning of what was said, as one line that ends with a word. Of scripts without spaces
    it may end anywhere."""
    line = " ".join(_printable(said[:_READ]).split())
    if len(line) <= LONGEST and len(said) <= _READ:
        return line
    cut = line[: LONGEST - len(_MARK)]
    if line[len(cut) : len(cut) + 1].strip():  # in the midst of a word
        whole = cut.rpartition(" ")[0]
        cut = whole if len(whole) > LONGEST // 2 else cut
    return cut.rstrip() + _MARK


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else " " for one in text)
