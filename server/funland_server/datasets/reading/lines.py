"""Lines of a file, none of which is held whole if it is too long."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

_BOM: Final = b"\xef\xbb\xbf"
_PIECE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file."""

    number: int
    """From 1."""
    content: bytes | None
    """With its end; None: it is too long."""


def lines(file: BinaryIO, longest: int) -> Iterator[Line]:
    """The lines of a file, without the mark that some begin with. One of more than `longest` bytes
    is read past."""
    number = 0
    while content := file.readline(longest + 1):
        number += 1
        if number == 1:
            content = content.removeprefix(_BOM)
        if len(content) > longest and not content.endswith(b"\n"):
            while (rest := file.readline(_PIECE)) and not rest.endswith(b"\n"):
                pass
            yield Line(number, None)
        else:
            yield Line(number, content)
