"""Reads and checks a model of any format that Funland knows."""

from __future__ import annotations

import stat
from pathlib import Path

from funland_server.models.formats.folder import read_folder
from funland_server.models.formats.gguf_model import read_gguf
from funland_server.models.formats.header import ModelHeader
from funland_server.workers.errors import ModelFileInvalidError


def read_model(path: Path) -> ModelHeader:
    """What a GGUF file, the first of several, or a model's folder says of itself.

    Raises:
        ModelFileInvalidError: There is nothing at the path, or it is not a whole model.
    """
    return read_folder(path).header if is_folder(path) else read_gguf(path).header


def is_folder(path: Path) -> bool:
    """Whether a folder is there; not one that is only linked there.

    Raises:
        ModelFileInvalidError: The path is a link to a folder.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:  # whoever reads it says why
        return False
    if stat.S_ISLNK(mode) and path.is_dir():
        raise ModelFileInvalidError(
            f"{path.name} is a link to a folder; name the folder itself.", file=path.name
        )
    return stat.S_ISDIR(mode)
