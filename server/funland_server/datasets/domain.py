"""Datasets: rows to train with."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from funland.v1 import datasets_pb2
from funland.v1.datasets_pb2 import Dataset, DatasetTokens
from funland_server.blobs.store import Blobs
from funland_server.changes import Changes
from funland_server.config import ServerSettings
from funland_server.datasets.counting import Counting
from funland_server.datasets.errors import DatasetNotFoundError
from funland_server.datasets.managing import Managing
from funland_server.datasets.preparing import Preparing
from funland_server.datasets.rows import Rows
from funland_server.datasets.service import DatasetService
from funland_server.datasets.shelf import Shelf
from funland_server.datasets.sources import Limits, Sources
from funland_server.datasets.store import DatasetStore
from funland_server.domain import Domain, Service
from funland_server.downloads.domain import Downloads
from funland_server.errors import StartError
from funland_server.files.domain import Files
from funland_server.files.on_disk import to_its_end
from funland_server.home_id import home_id
from funland_server.hub.dataset_files import HubDatasets
from funland_server.live import Live
from funland_server.models.domain import Models
from funland_server.projects.domain import Projects
from funland_server.storage.database import Database
from funland_server.storage.errors import StorageFullError, StorageUnavailableError


class Datasets(Domain):
    """Those of one database; the rows that this home has read are in it."""

    _stored: DatasetStore

    def __init__(
        self,
        settings: Live[ServerSettings],
        database: Database,
        *,
        models: Models,
        files: Files,
        downloads: Downloads,
        hubs: HubDatasets,
        projects: Projects,
    ) -> None:
        self._home = settings.now.home
        self._database = database
        self._models = models
        self._blobs: Blobs = models.blobs
        self._projects = projects
        self._limits = settings.map(_limits)
        self._sources = Sources(files, hubs, downloads, self._limits, self._home)
        self._shelf = Shelf(self._home / "datasets", self._blobs)
        self.changes = Changes()
        """The ids of datasets, as they change."""
        self._preparing: Preparing | None = None
        self._managing: Managing | None = None

    async def start(self) -> None:
        """Goes on with what the last server did not read to its end."""
        try:
            this_home = await asyncio.to_thread(home_id, self._home)
        except OSError as error:
            raise StartError(f"The home {self._home} can't be used ({error.strerror}).") from error
        store = self._stored = DatasetStore(self._database, this_home)
        self._preparing = Preparing(store, self._shelf, self._sources, self.changes.publish, _now)
        self._managing = Managing(
            store,
            self._shelf,
            self._sources,
            preparing=self._preparing,
            counting=Counting(store, self._models.catalog, self._models.loader),
            projects=self._projects,
            changes=self.changes,
            now=_now,
        )
        try:
            await self._preparing.start()
        except (StorageFullError, StorageUnavailableError) as error:
            raise StartError(error.message) from error

    def services(self) -> list[Service]:
        """Answers `DatasetService`."""
        service = DatasetService(self._managed)
        return [(datasets_pb2.DESCRIPTOR.services_by_name["DatasetService"], service)]

    def announce_stop(self) -> None:
        """Ends the watches."""
        self.changes.close()

    async def stop(self) -> None:
        """Ends what is being read; the next start begins it anew."""
        if self._preparing is not None:
            await self._preparing.close()

    async def get(self, dataset_id: str) -> Dataset:
        """A dataset that is there for the caller; raises DatasetNotFoundError."""
        return await self._managed.get(dataset_id)

    async def rows_path(self, dataset_id: str, version: int) -> Rows:
        """Where the rows of a version lie, 0 for the newest; they may go at any time with their
        dataset, though not for who has them open.

        Raises:
            DatasetNotFoundError, DatasetVersionNotFoundError: It is not there for the caller.
            DatasetNotReadyError: It has no rows, or another server has them.
        """
        return await self._managed.rows_of(dataset_id, version)

    async def counted(
        self, dataset_id: str, version: int, model_sha256: str
    ) -> DatasetTokens | None:
        """What `CountDatasetTokens` has counted of a version with a model; None: nothing yet. Who
        asks has looked whether the dataset is there for the caller."""
        return await self._stored.counted(dataset_id, version, model_sha256)

    async def hold_rows(self, dataset_id: str, version: int, target: Path) -> Rows:
        """The rows of a version at a path of one's own in the home, where nothing is: there they
        stay, across starts too, whatever becomes of the dataset. Raises as `rows_path`."""
        rows = await self._managed.rows_of(dataset_id, version)
        try:
            await to_its_end(self._shelf.link, dataset_id, rows.sha256, target)
        except FileNotFoundError:
            raise DatasetNotFoundError(dataset_id) from None
        return Rows(target, rows.row_count, rows.sha256)

    async def release_rows(self, rows: Rows) -> None:
        """Removes what `hold_rows` gave; it is no error if it is gone."""
        await to_its_end(rows.path.unlink, missing_ok=True)
        await to_its_end(self._blobs.release, rows.sha256)

    @property
    def _managed(self) -> Managing:
        if self._managing is None:
            raise RuntimeError("The datasets are not started.")
        return self._managing


def _limits(settings: ServerSettings) -> Limits:
    return Limits(
        settings.dataset_bytes, settings.dataset_row_bytes, settings.download_reserve_bytes
    )


def _now() -> int:
    return time.time_ns() // 1000
