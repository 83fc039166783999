"""The contents of files on the disk: links to blobs under the files' ids."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Final

from funland_server.blobs.placing import copy, hard_link, sha256_of
from funland_server.blobs.store import Blobs
from funland_server.durable import sync

_NEW: Final = ".new-"


@dataclass(frozen=True, slots=True)
class Head:
    """The first bytes of a content that are told once all of it is known."""

    size: int
    """How many."""
    of: Callable[[bytes, int], bytes]
    """Takes them as they came, and the size of all; gives as many."""


class Partial:
    """A content on its way. Its methods block, and raise OSError; `open` comes first, and `drop`
    last, however the others end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._file: FileIO | None = None
        self._digest = hashlib.sha256()
        self._rewritten = False

    def open(self) -> None:
        """Makes its file."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = FileIO(self.path, "x+")

    def write(self, data: bytes) -> None:
        """Adds to it."""
        if self._file is None:
            raise ValueError("it is not open")
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]
        self._digest.update(data)
        self.size += len(data)

    def rewrite_head(self, head: Head) -> None:
        """Puts other bytes in the place of its first."""
        if self._file is None:
            raise ValueError("it is not open")
        old = os.pread(self._file.fileno(), head.size, 0)
        new = head.of(old, self.size)
        if len(new) != len(old):
            raise ValueError("a head keeps its length")
        if new != old:
            os.pwrite(self._file.fileno(), new, 0)
            self._rewritten = True

    def close(self) -> str:
        """Its SHA-256; nothing is added any more."""
        if self._file is not None:
            if self._rewritten:
                self._file.seek(0)
                self._digest = hashlib.file_digest(self._file, "sha256")
                self._rewritten = False
            self._file.close()
        return self._digest.hexdigest()

    def drop(self) -> None:
        """Removes it, unless it has gone elsewhere. Dropping twice is no error."""
        self.close()
        self.path.unlink(missing_ok=True)


class Contents:
    """A folder of links. All methods block, and raise OSError."""

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        """`folder` is made when it is first needed, on the file system of the blobs."""
        self._folder = folder
        self._blobs = blobs

    def begin(self) -> Partial:
        """A new content, which is not open yet. It does not block."""
        return Partial(self._folder / f"{_NEW}{secrets.token_hex(8)}")

    def take(self, path: Path) -> tuple[Path, str, int]:
        """Has a whole file here too; where, its SHA-256 and its size."""
        self._folder.mkdir(parents=True, exist_ok=True)
        taken = self._folder / f"{_NEW}{secrets.token_hex(8)}"
        if not hard_link(path, taken):
            copy(path, taken)
        with taken.open("rb") as file:
            return taken, hashlib.file_digest(file, "sha256").hexdigest(), taken.stat().st_size

    def place(self, new: Path, sha256: str, file_id: str) -> None:
        """Makes what came a file's content: it is on the disk on return."""
        self._blobs.adopt(new, sha256, self.path(file_id))
        sync(self._folder)

    def path(self, file_id: str) -> Path:
        """Where a file's content lies, if it does."""
        return self._folder / file_id

    def remove(self, file_id: str, sha256: str) -> None:
        """Removes a file's content; it is no error if there is none."""
        self.path(file_id).unlink(missing_ok=True)
        self._blobs.release(sha256)

    def strays(self, known: Iterable[str]) -> list[str]:
        """The names of contents that belong to none of the known files."""
        if not self._folder.is_dir():
            return []
        names = set(known)
        return [name for name in _names(self._folder) if name not in names]

    def sweep(self, strays: Iterable[str]) -> None:
        """Removes contents by their names, and the blobs that nobody has then."""
        for name in strays:
            path = self._folder / name
            try:
                # Of which blob it was, nobody knows any more.
                sha256 = "" if name.startswith(_NEW) else sha256_of(path)
            except FileNotFoundError:
                continue
            path.unlink(missing_ok=True)
            if sha256:
                self._blobs.release(sha256)

    def lacking(self, sizes: Mapping[str, int]) -> list[str]:
        """Which of these files, by id with the size, have no content, or one of another size."""
        found: dict[str, int] = {}
        if self._folder.is_dir():
            with os.scandir(self._folder) as entries:
                found = {entry.name: entry.stat().st_size for entry in entries}
        return [file_id for file_id, size in sizes.items() if found.get(file_id) != size]


def _names(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]
