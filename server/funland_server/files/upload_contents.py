"""The contents of uploads on the disk: a file for each, which is only ever added to."""

from __future__ import annotations

import os
from collections.abc import Collection
from io import FileIO
from pathlib import Path

from funland_server.durable import sync


class Appending:
    """A content that is added to, from where it has got to. Its methods block, and raise
    OSError."""

    def __init__(self, path: Path, offset: int) -> None:
        """Cuts off what lies beyond `offset`: nobody was told that it is there. Raises
        FileNotFoundError."""
        self._file = FileIO(path, "r+")
        self._file.truncate(offset)
        self._file.seek(offset)

    def write(self, data: bytes) -> None:
        """Adds to it."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def sync(self) -> None:
        """Has all that was added on the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Ends it. Closing twice is no error."""
        self._file.close()


class UploadContents:
    """A folder of them, each under its upload's id. All methods block, and raise OSError."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when it is first needed."""
        self._folder = folder

    @property
    def folder(self) -> Path:
        """Where they are."""
        return self._folder

    def path(self, upload_id: str) -> Path:
        """Where one lies."""
        return self._folder / upload_id

    def make(self, upload_id: str) -> None:
        """Makes an empty one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self.path(upload_id).touch(exist_ok=False)
        sync(self._folder)

    def cut(self, upload_id: str, offset: int) -> None:
        """Cuts off what lies beyond `offset`. Raises FileNotFoundError."""
        path = self.path(upload_id)
        if path.stat().st_size > offset:  # one that a file was made of once can't be written
            os.truncate(path, offset)

    def remove(self, upload_id: str) -> None:
        """Removes one; it is no error if it is not there."""
        self.path(upload_id).unlink(missing_ok=True)

    def there(self) -> set[str]:
        """The ids of those that are there."""
        if not self._folder.is_dir():
            return set()
        return {path.name for path in self._folder.iterdir()}

    def sweep(self, known: Collection[str]) -> None:
        """Removes those that belong to no upload that is known."""
        for upload_id in self.there() - set(known):
            self.remove(upload_id)
