"""Locks of files, by which workers of one machine keep out of each other's way.

They end with the process that has them, whatever becomes of it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


class Lock:
    """What one process at a time has of a file; waits for it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        while True:
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
            if is_at(self._descriptor, path):  # else whoever had it removed it
                return
            os.close(self._descriptor)

    def release(self) -> None:
        """Lets the next have it."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


@contextmanager
def alone(folder: Path) -> Generator[None]:
    """Waits until no other worker looks through a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def in_use(path: Path) -> bool:
    """Whether a process has a lock on a file or folder, or it is gone."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return True  # gone, or none of ours
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def is_at(descriptor: int, path: Path) -> bool:
    """Whether a file that is open is still the one at a path."""
    own = os.fstat(descriptor)
    try:
        there = path.lstat()
    except FileNotFoundError:
        return False
    return (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)
