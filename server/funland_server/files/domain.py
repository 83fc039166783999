"""Files that the server keeps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import Final

import structlog

from funland.v1 import files_pb2, uploads_pb2
from funland.v1.files_pb2 import File
from funland_server.blobs.store import Blobs
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.errors import FunlandError, StartError
from funland_server.files.contents import Contents, Head
from funland_server.files.keeping import About, Keeping
from funland_server.files.resuming import Resuming
from funland_server.files.service import FileService
from funland_server.files.store import FileStore
from funland_server.files.transfers import Transfers
from funland_server.files.upload_contents import UploadContents
from funland_server.files.upload_service import UploadService
from funland_server.files.upload_store import UploadStore
from funland_server.home_id import home_id
from funland_server.live import Live
from funland_server.storage.database import Database
from funland_server.storage.errors import StorageFullError, StorageUnavailableError

logger = structlog.get_logger(__name__)

_SWEEP_SECONDS: Final = 60.0


class Files(Domain):
    """Those of one database; their contents are in the home of the server that took them in."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        database: Database,
        blobs: Blobs,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """`blobs` are the home's; `clock` tells the nanoseconds since 1970."""
        self.blobs = blobs
        """Where their contents are, with those of all else in the home."""
        self._settings = settings
        self._database = database
        self._contents = Contents(settings.now.home / "files", blobs)
        self._now = lambda: clock() // 1000
        self._limit = settings.map(lambda now: now.file_bytes)
        self._upload_limit = settings.map(lambda now: now.upload_bytes)
        self._kept: Keeping | None = None
        self._uploads: Resuming | None = None
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Removes what was left half done; raises StartError if the home can't be used."""
        try:
            this_home = await asyncio.to_thread(home_id, self._settings.now.home)
        except OSError as error:
            raise StartError(
                f"The home {self._settings.now.home} can't be used ({error.strerror})."
            ) from error
        self._kept = Keeping(self._contents, FileStore(self._database, this_home), self._now)
        self._uploads = Resuming(
            UploadContents(self._settings.now.home / "uploads"),
            UploadStore(self._database, this_home),
            self._kept,
            self._now,
            limit_bytes=self._upload_limit,
            reserve_bytes=self._settings.map(lambda now: now.download_reserve_bytes),
        )
        try:
            await self._kept.tidy()
            await self._uploads.tidy()
        except (StorageFullError, StorageUnavailableError) as error:
            raise StartError(error.message) from error
        self._sweeping = asyncio.create_task(self._sweep_often())

    def services(self) -> list[Service]:
        """Answers `FileService` and `UploadService`."""
        service = FileService(self._keeping, Transfers(self._keeping, self._limit))
        return [
            (files_pb2.DESCRIPTOR.services_by_name["FileService"], service),
            (
                uploads_pb2.DESCRIPTOR.services_by_name["UploadService"],
                UploadService(self._resuming),
            ),
        ]

    async def stop(self) -> None:
        """Looks for no more files whose time is over."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])

    async def keep(
        self,
        chunks: AsyncIterable[bytes],
        *,
        name: str,
        purpose: str,
        media_type: str = "",
        retention_seconds: float = 0,
        task_id: str = "",
        sha256: str = "",
        head: Head | None = None,
    ) -> File:
        """Makes a file of all chunks, whatever its size; it is on the disk on return. For a caller
        that is cancelled, and where `chunks` raises, it is not kept. `head` is asked for the first
        bytes when all chunks are there.

        Raises:
            FileDamagedError: It has another SHA-256 than that which is named.
            StorageFullError, StorageUnavailableError: It is not kept.
        """
        about = About(name, purpose, media_type, retention_seconds, task_id)
        return await self._keeping.keep_all(chunks, about, sha256, head)

    async def adopt(
        self,
        path: Path,
        *,
        name: str,
        purpose: str,
        media_type: str = "",
        retention_seconds: float = 0,
        task_id: str = "",
    ) -> File:
        """Makes a file of one in the home that is whole and will not be written any more, and
        removes that one then; otherwise as `keep`. If the server is killed amid it, both may be
        there."""
        about = About(name, purpose, media_type, retention_seconds, task_id)
        return await self._keeping.adopt(path, about)

    async def get(self, file_id: str) -> File:
        """A file; raises UnknownFileError."""
        return (await self._keeping.get(file_id)).file

    async def path(self, file_id: str) -> Path:
        """Where a file's content lies, to be opened and not to be written. What is open stays
        readable though the file is deleted.

        Raises:
            UnknownFileError: There is no such file.
            FileElsewhereError: Another server has its content.
        """
        return await self._keeping.path(file_id)

    async def delete(self, file_id: str) -> None:
        """Removes a file; raises UnknownFileError."""
        await self._keeping.delete(file_id)

    async def delete_of(self, task_id: str) -> None:
        """Removes the files that a task made."""
        await self._keeping.delete_of(task_id)

    async def ids_of(self, task_id: str) -> list[str]:
        """The ids of the files that a task made, the oldest first."""
        return await self._keeping.ids_of(task_id)

    async def sweep(self) -> None:
        """Removes the files whose time is over, uploads that nobody goes on with, and contents
        whose file another server deleted."""
        await self._keeping.forget_expired()
        await self._resuming.forget_expired()
        if self._database.dialect != "sqlite":
            await self._keeping.drop_strays()

    @property
    def _keeping(self) -> Keeping:
        if self._kept is None:
            raise RuntimeError("The files are not started.")
        return self._kept

    @property
    def _resuming(self) -> Resuming:
        if self._uploads is None:
            raise RuntimeError("The files are not started.")
        return self._uploads

    async def _sweep_often(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            try:
                await self.sweep()
            except FunlandError as error:
                logger.warning("files_not_swept", reason=error.message)
