"""Models that speak, as folders."""

from __future__ import annotations

import stat
from collections.abc import Collection
from pathlib import Path

from funland_server.models.formats.damage import DamagedFileError
from funland_server.models.formats.header import ModelHeader
from funland_server.models.formats.voices.kokoro import FOLDERS, kokoro_files, read_kokoro
from funland_server.models.formats.voices.lexicon import (
    is_lexicon_voice,
    lexicon_files,
    read_lexicon_voice,
)
from funland_server.models.formats.voices.piper import piper_files, read_piper


def voice_files(there: Collection[str]) -> list[tuple[str, ...]]:
    """The files of each model that speaks among the paths of a folder, the network first."""
    return [*piper_files(there), *kokoro_files(there)] or lexicon_files(there)


def read_voices(folder: Path) -> tuple[ModelHeader, tuple[str, ...]] | None:
    """Checks a folder, and gives what it says of itself and the paths in it that count; None if it
    has nothing that speaks.

    Raises:
        DamagedFileError: It is not a whole model, or one of a kind that does not speak here.
    """
    there = _paths(folder)
    if kokoro_files(there):
        return read_kokoro(folder, there)
    if piper_files(there):
        return read_piper(folder, there)
    if is_lexicon_voice(there):
        return read_lexicon_voice(folder, there)
    return None


def _paths(folder: Path) -> set[str]:
    """What lies in the folder, and in those in which a voice's files may lie."""
    found = {one.name for one in folder.iterdir()}
    for name in found & set(FOLDERS):
        mode = (folder / name).lstat().st_mode
        if stat.S_ISLNK(mode):
            raise DamagedFileError(f"{name} is a link; copy the files themselves (cp -rL)")
        if stat.S_ISDIR(mode):
            found |= {f"{name}/{one.name}" for one in (folder / name).iterdir()}
    return found
