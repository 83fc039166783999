"""Removes what a plugin left: folders as deep as it liked, also those that nobody may look into."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path


def remove(folder: Path) -> None:
    """Removes a folder and all in it; what can't be removed stays."""
    with suppress(OSError):
        _remove(folder)


def _remove(folder: Path) -> None:
    """What lies in folders of the folder is moved up first: no path gets long, no stack deep."""
    folder.chmod(0o700)
    while within := _folders(folder):
        for each in within:
            for deeper in _folders(each):
                deeper.rename(folder / f".deeper-{secrets.token_hex(8)}")
            each.rmdir()
    folder.rmdir()


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, opened to us; the files in it are removed."""
    with os.scandir(folder) as entries:
        found = [(Path(entry.path), entry.is_dir(follow_symlinks=False)) for entry in entries]
    for path, is_folder in found:
        if is_folder:
            path.chmod(0o700)
        else:
            path.unlink(missing_ok=True)
    return [path for path, is_folder in found if is_folder]
