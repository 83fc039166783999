"""What is on the disk of runs: a folder for each, in the home."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from funland_server.durable import sync


@dataclass(frozen=True, slots=True)
class Folder:
    """That of a run. All methods block, and raise OSError."""

    path: Path

    @property
    def rows(self) -> Path:
        """What it learns."""
        return self.path / "rows.jsonl"

    @property
    def checkpoint(self) -> Path:
        """Where it goes on from."""
        return self.path / "checkpoint"

    @property
    def result(self) -> Path:
        """What it has learnt: an adapter, or a model."""
        return self.path / "adapter.gguf"

    def make(self) -> None:
        """Makes it; it is on the disk on return."""
        self.path.mkdir(parents=True)
        sync(self.path.parent)

    def done(self) -> None:
        """Removes what only a run needs that goes on."""
        for path in (self.checkpoint, self.rows):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Removes all of it; it is no error if there is nothing."""
        shutil.rmtree(self.path, ignore_errors=True)


def remove_others(folders: Path, known: Collection[str]) -> None:
    """Removes what belongs to no run that is known."""
    if folders.is_dir():
        for path in list(folders.iterdir()):
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)
