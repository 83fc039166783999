"""Puts a file's content at another path: by reflink, hard link or copy."""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

_CHUNK: Final = 4 * 1024**2
_FICLONE: Final = 0x40049409  # linux/fs.h: _IOW(0x94, 9, int)


def reflink(source: Path, target: Path) -> bool:
    """Shares the blocks of a file until one of the two is written; whether the disk can."""
    try:
        with source.open("rb") as reader, target.open("xb") as writer:
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
    except FileExistsError:
        raise
    except OSError:
        target.unlink(missing_ok=True)
        return False
    return True


def is_ours_alone(path: Path) -> bool:
    """Whether nobody but this user can write a file; raises OSError."""
    found = path.stat()
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def hard_link(source: Path, target: Path) -> bool:
    """Gives a file another name; whether the disk can."""
    try:
        target.hardlink_to(source)
    except FileExistsError:
        raise
    except OSError:  # another disk, one without links, or a file of another user
        return False
    return True


def copy(source: Path, target: Path) -> str:
    """Copies a file to where none is, onto the disk, and gives its SHA-256; raises OSError."""
    digest = hashlib.sha256()
    with source.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(_CHUNK):
            digest.update(chunk)
            writer.write(chunk)
        writer.flush()
        os.fsync(writer.fileno())
    return digest.hexdigest()


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
