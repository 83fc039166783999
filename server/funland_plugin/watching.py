"""What a plugin's process has of the memory and the disk, as the kernel tells it."""

from __future__ import annotations

import math
import os
import stat
from contextlib import suppress
from time import monotonic
from typing import Final

THREADS: Final = 64
"""How many threads it may have. Nothing in the kernel limits those of root's."""
_MEMORY_SLACK: Final = 16 * 1024**2
"""Python's own limit comes first, which the plugin can cope with: this is for what that misses."""
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_BLOCK: Final = 4096
"""What an empty file is taken to need."""
_REST: Final = 20
"""Between two looks at the disk are so many times the time that one takes."""


class Watch:
    """One process and its folder."""

    def __init__(self, pid: int, folder: str, memory_bytes: int, disk_bytes: int) -> None:
        self._pid = pid
        self._folder = folder
        self._memory_bytes = memory_bytes
        self._disk_bytes = disk_bytes
        self._look_at = monotonic()
        self._present = _memory(pid)
        self.peak_bytes = 0

    def exceeded(self) -> str:
        """What it has more of than it may; empty: nothing."""
        taken = max(0, _memory(self._pid) - self._present)
        self.peak_bytes = max(self.peak_bytes, taken)
        if self._memory_bytes and taken > self._memory_bytes + _MEMORY_SLACK:
            return "memory"
        if _threads(self._pid) > THREADS:
            return "threads"
        now = monotonic()
        if self._folder and now >= self._look_at:
            size = folder_bytes(self._folder) + _removed_bytes(self._pid)
            self._look_at = now + _REST * (monotonic() - now)
            if size > self._disk_bytes:
                return "disk"
        return ""


def folder_bytes(folder: str) -> float:
    """What a folder holds, with something for each file; links are not followed. One that can't be
    looked into, or lies deeper than a path is long, may hold anything."""
    total = 0
    folders = [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                        total += _BLOCK
                    else:
                        total += max(_BLOCK, _blocks(entry) * 512)
        except FileNotFoundError:
            continue  # it is gone meanwhile
        except OSError:
            return math.inf
    return total


def _blocks(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks
    except FileNotFoundError:  # it is gone meanwhile; what else is there still counts
        return 0


def _removed_bytes(pid: int) -> int:
    """What it has open and has removed. Root alone can see that."""
    total = 0
    with suppress(OSError), os.scandir(f"/proc/{pid}/fd") as entries:
        for entry in entries:
            with suppress(OSError):
                told = entry.stat()
                if stat.S_ISREG(told.st_mode) and not told.st_nlink:
                    total += told.st_blocks * 512
    return total


def _memory(pid: int) -> int:
    """Its resident memory in bytes; 0 when it has ended."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - read often
            return int(file.read().split()[1]) * _PAGE
    except OSError:
        return 0


def _threads(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - read often
            # Its name, in brackets, may have anything in it.
            return int(file.read().rpartition(b")")[2].split()[17])
    except OSError:
        return 0
