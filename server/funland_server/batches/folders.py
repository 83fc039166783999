"""A batch's folder in the home, from its creation to its end."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from funland_server.batches.journal import disk_errors
from funland_server.blobs.placing import copy, hard_link
from funland_server.durable import sync


@dataclass(frozen=True, slots=True)
class Folder:
    """The places in it. All that these do blocks; they raise StorageFullError and
    StorageUnavailableError."""

    path: Path

    @property
    def input(self) -> Path:
        """The requests: the file may be deleted while they are answered."""
        return self.path / "input.jsonl"

    @property
    def journal(self) -> Path:
        """What became of them."""
        return self.path / "journal"

    @property
    def output(self) -> Path:
        """The answers, while they are made a file."""
        return self.path / "output.jsonl"

    @property
    def errors(self) -> Path:
        """The errors, while they are made a file."""
        return self.path / "errors.jsonl"

    def begin(self, source: Path) -> None:
        """Makes the folder, or empties it, and takes the requests into it."""
        with disk_errors():
            shutil.rmtree(self.path, ignore_errors=True)
            self.path.mkdir(parents=True)
            if not hard_link(source, self.input):
                copy(source, self.input)
            sync(self.path)
            sync(self.path.parent)

    def has_input(self) -> bool:
        """Whether the requests are there."""
        return self.input.exists()

    def remove(self) -> None:
        """Deletes it with all that it has; what can't be deleted, the next start tries again."""
        shutil.rmtree(self.path, ignore_errors=True)


def remove_others(folders: Path, keep: Collection[str]) -> None:
    """Deletes the folders of batches that have ended, or were never told of. Blocks."""
    if folders.is_dir():
        for path in folders.iterdir():
            if path.name not in keep:
                Folder(path).remove()
