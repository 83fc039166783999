"""Reads what Linux tells in `/proc` and `/sys`; what can't be read is None."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_MOST: Final = 4 * 1024**2
_PIECE: Final = 64 * 1024
_LARGEST: Final = 2**63 - 1


class KernelFiles:
    """The files below a root, which is `/` but in tests. Paths are relative, without a slash first.

    A file that is not there, that this user may not read, or whose device does not answer is no
    error: nobody has all of them.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = str(root)

    def content(self, path: str) -> bytes | None:
        """A file's bytes, 4 MiB of them at most."""
        try:
            with open(f"{self._root}/{path}", "rb", buffering=0) as file:  # noqa: PTH123 - a Path costs more than this
                content = b""
                while len(content) < _MOST and (more := file.read(_PIECE)):
                    content += more  # the kernel gives a long file in pieces
                return content
        except (OSError, ValueError):  # a name with NUL is a ValueError
            return None

    def text(self, path: str) -> str | None:
        """A file's text, without space around it."""
        content = self.content(path)
        return None if content is None else content.decode(errors="replace").strip()

    def number(self, path: str) -> int | None:
        """The whole number that a file holds, from 0 to what 63 bits hold."""
        return whole(self.text(path))

    def names(self, folder: str) -> list[str]:
        """What a folder has, sorted; nothing if it is not there."""
        try:
            return sorted(os.listdir(f"{self._root}/{folder}"))  # noqa: PTH208 - names are wanted
        except (OSError, ValueError):
            return []

    def exists(self, path: str) -> bool:
        """Whether there is something of that name."""
        return os.path.lexists(f"{self._root}/{path}")

    def link(self, path: str) -> str | None:
        """Where a link leads, as it is written in it."""
        try:
            return os.readlink(f"{self._root}/{path}")  # noqa: PTH115 - as above
        except (OSError, ValueError):
            return None


def whole(text: str | None) -> int | None:
    """A text as a whole number, from 0 to what 63 bits hold; None if it is none."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > len(str(_LARGEST)):
        return None
    number = int(text)
    return number if number <= _LARGEST else None
