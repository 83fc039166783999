"""Folders in which workers have the files of their models by name."""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from funland_worker.remote.locks import alone, in_use


def run_folder(folder: Path) -> Path:
    """A new folder for the files of this process by the names that its model wants; those of
    processes that are no more are removed."""
    runs = folder / "runs"
    runs.mkdir(parents=True, exist_ok=True, mode=0o700)
    with alone(runs):
        for left in runs.iterdir():
            if not in_use(left):
                _empty(left)
        own = Path(tempfile.mkdtemp(dir=runs))
        fcntl.flock(os.open(own, os.O_RDONLY), fcntl.LOCK_SH)  # until the process ends
    return own


def _empty(folder: Path) -> None:
    """Removes a folder of links and folders of links."""
    for path in [*folder.rglob("*")][::-1]:
        with suppress(OSError):
            path.unlink() if path.is_symlink() else path.rmdir()
    with suppress(OSError):
        folder.rmdir()
