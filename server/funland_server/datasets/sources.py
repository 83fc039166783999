"""What a dataset is made of: looked at when it is asked for, and brought here when it is read."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from funland.v1.datasets_pb2 import DatasetSource, HubDataset
from funland_server.auth.errors import ScopeMissingError
from funland_server.datasets.errors import DatasetInvalidError
from funland_server.datasets.folders import KINDS, Inputs, look, named
from funland_server.datasets.reading.formats import format_of, is_data
from funland_server.datasets.reading.making import Input
from funland_server.downloads.domain import Downloads
from funland_server.downloads.files.names import complaint
from funland_server.downloads.plan import PlannedFile
from funland_server.errors import FieldInvalidError, Violation
from funland_server.files.domain import Files
from funland_server.files.room import lacks_room
from funland_server.hub.dataset_files import Found, HubDatasets
from funland_server.hub.errors import HubAnswerInvalidError
from funland_server.identity import caller
from funland_server.live import Live
from funland_server.storage.errors import StorageFullError

Told = Callable[[float], None]
"""Hears which part of all is there, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a dataset may take, in bytes."""

    dataset: int
    row: int
    reserve: int
    """What stays free on the disk."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where datasets come from."""

    files: Files
    hubs: HubDatasets
    downloads: Downloads
    limits: Live[Limits]
    home: Path

    async def check(self, source: DatasetSource) -> DatasetSource:
        """Sees whether there is something to read, and pins what may change.

        Raises:
            FunlandError: As `DatasetService.CreateDataset` promises.
        """
        match source.WhichOneof("source"):
            case "file_id":
                await self._of_file(source.file_id)
            case "path":
                if not caller().may("admin", "datasets"):
                    raise ScopeMissingError("admin")
                if not source.path.startswith("/"):
                    raise FieldInvalidError([Violation("source.path", "must begin with a slash")])
                self._check_size(await asyncio.to_thread(look, source.path))
            case "hub":
                listing, files = await self._of_hub(source.hub)
                self._check_bytes(sum(file.size_bytes or 0 for file in files))
                pinned = DatasetSource()
                pinned.CopyFrom(source)
                pinned.hub.hub, pinned.hub.revision = listing.hub, listing.revision
                return pinned
            case _:
                named("", source.inline.name)
        return source

    async def bring(self, source: DatasetSource, work: Path, told: Told) -> Inputs:
        """The files themselves; those that are not here yet come into `work`. Raises as `check`,
        and what fetching does."""
        match source.WhichOneof("source"):
            case "file_id":
                inputs = await self._of_file(source.file_id)
            case "path":
                inputs = await asyncio.to_thread(look, source.path)
            case "hub":
                inputs = await self._fetched(source.hub, work, told)
            case _:
                path = work / "inline"
                content = source.inline.text.encode()
                await asyncio.to_thread(path.write_bytes, content)
                inputs = Inputs((named(str(path), source.inline.name),), len(content))
        self._check_size(inputs)
        return inputs

    async def check_room(self, size: int) -> None:
        """Raises StorageFullError if the disk has no room for so many bytes."""
        free = (await asyncio.to_thread(shutil.disk_usage, self.home)).free
        if lacks_room(free, self.limits.now.reserve, 0, size):
            raise StorageFullError

    async def _of_file(self, file_id: str) -> Inputs:
        file = await self.files.get(file_id)
        path = await self.files.path(file_id)
        inputs = Inputs((named(str(path), file.name),), file.size_bytes)
        self._check_size(inputs)
        return inputs

    async def _of_hub(self, wanted: HubDataset) -> tuple[Found, list[PlannedFile]]:
        listing = await self.hubs.find(wanted.hub, wanted.repository, wanted.revision)
        chosen = [file for file in listing.files if _is_meant(file.path, wanted)]
        if not chosen:
            raise DatasetInvalidError(
                f"{wanted.repository} has no file that can be read ({KINDS})"
                f"{' and matches `include`' if wanted.include else ''}."
            )
        for file in chosen:
            if why := complaint(file.path):
                raise HubAnswerInvalidError(
                    f"{wanted.repository} lists a file that can't be fetched: {why}.",
                    hub=listing.hub_name, file=file.path[:200],
                )  # fmt: skip
        return listing, chosen

    async def _fetched(self, wanted: HubDataset, work: Path, told: Told) -> Inputs:
        _, files = await self._of_hub(wanted)
        size = sum(file.size_bytes or 0 for file in files)
        self._check_bytes(size)
        await self.check_room(size)
        paths = await self.downloads.fetch(
            files, work, lambda there: told(there / size if size else 0)
        )
        inputs = [
            Input(str(path), file.path, format_of(file.path))
            for path, file in zip(paths, files, strict=True)
        ]
        sizes = await asyncio.to_thread(lambda: [path.stat().st_size for path in paths])
        return Inputs(tuple(inputs), sum(sizes))

    def _check_size(self, inputs: Inputs) -> None:
        self._check_bytes(inputs.size_bytes)

    def _check_bytes(self, size: int) -> None:
        if size > self.limits.now.dataset:
            raise DatasetInvalidError(
                f"It has {size} bytes, and {self.limits.now.dataset} are the most that"
                " server.dataset_bytes allows."
            )


def _is_meant(path: str, wanted: HubDataset) -> bool:
    """Whether a file of a hub's list is read: one of a kind that can be, that was asked for."""
    if not is_data(path):
        return False
    name = PurePosixPath(path).name
    return not wanted.include or any(
        fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in wanted.include
    )
