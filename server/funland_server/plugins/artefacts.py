"""The files that an execution makes: written as they come, kept when it is done."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from funland.worker.v1.worker_pb2 import JobArtefact
from funland_server.files.domain import Files
from funland_server.files.on_disk import as_storage_errors
from funland_server.plugins.errors import PluginFailedError
from funland_server.plugins.removing import remove
from funland_server.plugins.shelf import MADE

_PURPOSE: Final = "task_output"
_LONGEST_NAME: Final = 255
_MOST: Final = 256


@dataclass(frozen=True, slots=True)
class _Made:
    name: str
    media_type: str
    path: Path


class Artefacts:
    """Those of one execution."""

    def __init__(self, plugin_id: str, home: Path) -> None:
        """`home` is the plugin's folder; what is not kept in time is removed with what is there."""
        self._plugin_id = plugin_id
        self._folder = home / f"{MADE}{secrets.token_hex(8)}"
        self._made: list[_Made] = []
        self._open: BinaryIO | None = None

    def take(self, part: JobArtefact) -> None:
        """Writes a part; those of a file come one behind the other. Raises PluginFailedError for
        what our SDK would not say, and what `as_storage_errors` does."""
        with as_storage_errors():
            self._take(part)

    def _take(self, part: JobArtefact) -> None:
        if self._open is None:
            self._begin(part)
        assert self._open is not None  # noqa: S101 - it was begun
        if self._made[-1].name != part.name:
            raise PluginFailedError(self._plugin_id, "it mixed the parts of two files.")
        self._open.write(part.data)
        if part.last:
            self._open.close()
            self._open = None

    async def keep(self, files: Files, *, task_id: str, retention_seconds: float) -> list[str]:
        """The ids of the files. Those of a task go with it."""
        if self._open is not None:
            raise PluginFailedError(self._plugin_id, f"{self._made[-1].name!r} has no end.")
        kept: list[str] = []
        try:
            for made in self._made:
                file = await files.adopt(
                    made.path,
                    name=made.name,
                    purpose=_PURPOSE,
                    media_type=made.media_type,
                    retention_seconds=retention_seconds,
                    task_id=task_id,
                )
                kept.append(file.file_id)
        except BaseException:
            for file_id in kept:
                await files.delete(file_id)
            raise
        return kept

    async def drop(self) -> None:
        """Removes what was not kept."""
        if self._open is not None:
            self._open.close()
        if self._made:
            await asyncio.to_thread(remove, self._folder)

    def _begin(self, part: JobArtefact) -> None:
        name = part.name
        if not name or "/" in name or not name.isprintable() or len(name) > _LONGEST_NAME:
            raise PluginFailedError(self._plugin_id, f"{name[:64]!r} is no name of a file.")
        if len(self._made) >= _MOST:
            raise PluginFailedError(self._plugin_id, f"it made more than {_MOST} files.")
        if len(part.media_type) > _LONGEST_NAME or not part.media_type.isprintable():
            raise PluginFailedError(self._plugin_id, f"{name!r} has no right media type.")
        self._folder.mkdir(exist_ok=True)
        path = self._folder / str(len(self._made))
        self._made.append(_Made(name, part.media_type, path))
        self._open = path.open("xb")
