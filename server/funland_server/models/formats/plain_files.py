"""Reads a model's small files, which may be anything."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import orjson

from funland_server.models.formats.damage import DamagedFileError

_LARGEST_JSON = 64 * 1024**2


def check_regular(path: Path) -> None:
    """Refuses what opening could lead elsewhere or wait for ever.

    Raises:
        DamagedFileError: It is no regular file.
    """
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        raise DamagedFileError(f"{path.name} is a link; copy the files themselves (cp -rL)")
    if not stat.S_ISREG(mode):
        raise DamagedFileError(f"{path.name} is not a regular file")


def read_json(path: Path) -> Mapping[str, Any]:
    """The object of a JSON file; a list, which vocabularies may be, gives an empty one.

    Raises:
        DamagedFileError: It is something else, or larger than any that is meant well.
    """
    if path.stat().st_size > _LARGEST_JSON:
        raise DamagedFileError(f"{path.name} is larger than {_LARGEST_JSON} bytes")
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError:
        raise DamagedFileError(f"{path.name} is not JSON") from None
    if isinstance(content, list):
        return {}
    if not isinstance(content, dict):
        raise DamagedFileError(f"{path.name} is not a JSON object")
    return cast("Mapping[str, Any]", content)
