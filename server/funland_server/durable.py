"""Writes files so that they are whole, and on the disk, before anybody counts on them."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, content: bytes, mode: int | None = None) -> None:
    """Puts a file in the place of what is there, at once by name; raises OSError. `mode` is who may
    read and write it; None: as any new file."""
    partial = path.with_name(path.name + ".new")
    with partial.open("wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)  # before there is anything to read
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Makes sure that a file's content, or a folder's names, are on the disk; raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
