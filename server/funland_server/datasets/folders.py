"""What of the server's own disk is read: regular files, and folders of them."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from funland_server.datasets.errors import DatasetInvalidError
from funland_server.datasets.reading.formats import ENDINGS, format_of, is_data
from funland_server.datasets.reading.making import Input

_MOST_FILES: Final = 10_000
_DEEPEST: Final = 16
KINDS: Final = ", ".join(ENDINGS)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Files that are to be read."""

    files: tuple[Input, ...]
    size_bytes: int


def look(path: str) -> Inputs:
    """The files at a path: itself, or all below it that can be read, by name. Blocks.

    Raises:
        DatasetInvalidError: There is nothing, nothing that can be read, or something that a folder
            must not hold: a link, or what is no file.
    """
    try:
        place = Path(path).resolve(strict=True)
        found = place.stat()
    except (OSError, RuntimeError, ValueError):
        raise DatasetInvalidError(f"There is no file or folder {path!r}.") from None
    if stat.S_ISREG(found.st_mode):
        return Inputs((named(str(place), place.name),), found.st_size)
    if not stat.S_ISDIR(found.st_mode):
        raise DatasetInvalidError(f"{path!r} is no file and no folder.")
    try:
        files = sorted(_below(place, "", 0), key=lambda each: each[0].name)
    except OSError as error:
        raise DatasetInvalidError(f"{path!r} can't be read: {error.strerror}.") from None
    if not files:
        raise DatasetInvalidError(f"{path!r} has no file that can be read ({KINDS}).")
    return Inputs(tuple(file for file, _ in files), sum(size for _, size in files))


def named(path: str, name: str) -> Input:
    """A file that was named; raises DatasetInvalidError if it is of no kind that can be read."""
    kind = format_of(name)
    if not kind:
        raise DatasetInvalidError(f"{name!r} is of no kind that can be read ({KINDS}).")
    return Input(path, name, kind)


def _below(folder: Path, prefix: str, depth: int) -> list[tuple[Input, int]]:
    files: list[tuple[Input, int]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            name = prefix + entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                raise DatasetInvalidError(f"{_shown(name)} is a link, which may lead anywhere.")
            if entry.is_dir(follow_symlinks=False):
                if depth == _DEEPEST:
                    raise DatasetInvalidError(f"{_shown(name)} lies too deep.")
                files += _below(Path(entry.path), f"{name}/", depth + 1)
            elif not entry.is_file(follow_symlinks=False):
                raise DatasetInvalidError(f"{_shown(name)} is no regular file.")
            elif is_data(name):
                size = entry.stat(follow_symlinks=False).st_size
                files.append((Input(entry.path, name, format_of(name)), size))
            if len(files) > _MOST_FILES:
                raise DatasetInvalidError(f"There are more than {_MOST_FILES} files.")
    return files


def _shown(name: str) -> str:
    return repr(name.encode("utf-8", "replace").decode("utf-8")[-200:])
