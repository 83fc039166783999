"""Keeps files: whole, or not at all."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from funland.v1.files_pb2 import File, ListFilesRequest, ListFilesResponse
from funland_server.files.contents import Contents, Head, Partial
from funland_server.files.errors import (
    FileDamagedError,
    FileElsewhereError,
    FileTooLargeError,
    UnknownFileError,
)
from funland_server.files.names import clean_name, media_type_of
from funland_server.files.on_disk import to_its_end
from funland_server.files.pages import page
from funland_server.files.store import FileStore, Kept
from funland_server.storage.errors import StorageFullError
from funland_server.storage.waiting_out import wait_out

logger = structlog.get_logger(__name__)

USER_DATA: Final = "user_data"
"""What a file is for if nobody says."""
_SECOND: Final = 10**6  # in microseconds


@dataclass(frozen=True, slots=True)
class About:
    """What is said of a file."""

    name: str
    purpose: str = USER_DATA
    media_type: str = ""
    """Empty: what its name says."""
    retention_seconds: float = 0
    """0: until it is deleted."""
    task_id: str = ""


class Arrival:
    """A content that is coming in."""

    def __init__(self, partial: Partial, limit_bytes: int | None) -> None:
        self._partial = partial
        self._limit = limit_bytes

    async def add(self, data: bytes) -> None:
        """The next of it; raises FileTooLargeError, and what `to_its_end` does."""
        if self._limit is not None and self._partial.size + len(data) > self._limit:
            raise FileTooLargeError(self._limit)
        if data:
            await to_its_end(self._partial.write, data)

    @property
    def partial(self) -> Partial:
        """Where it is."""
        return self._partial


class Keeping:
    """The files of this home, and what is known of the others'."""

    def __init__(self, contents: Contents, store: FileStore, now: Callable[[], int]) -> None:
        """`now` is the time in microseconds since 1970."""
        self._contents = contents
        self._store = store
        self._now = now
        self._last = 0
        """When the newest file was kept: no two of this server have the same time."""
        self._busy: set[str] = set()
        """Names of contents whose row is on its way."""

    @asynccontextmanager
    async def arriving(self, limit_bytes: int | None = None) -> AsyncGenerator[Arrival]:
        """Takes in a content, which is gone at the block's end unless it was kept."""
        partial = self._contents.begin()
        self._busy.add(partial.path.name)
        try:
            await to_its_end(partial.open)
            yield Arrival(partial, limit_bytes)
        finally:
            self._busy.discard(partial.path.name)
            await to_its_end(partial.drop)

    async def keep(self, arrival: Arrival, about: About, sha256: str = "") -> File:
        """Makes a file of all that came. For a caller that is cancelled it is not kept.

        Raises:
            FileDamagedError: It has another SHA-256 than this.
            StorageFullError, StorageUnavailableError: It is not kept.
        """
        partial = arrival.partial
        found = await to_its_end(partial.close)
        if sha256 and found != sha256:
            raise FileDamagedError(sha256)
        return await self._place(partial.path, about, found, partial.size)

    async def keep_all(
        self,
        chunks: AsyncIterable[bytes],
        about: About,
        sha256: str = "",
        head: Head | None = None,
    ) -> File:
        """Makes a file of all chunks, with the `head` that is told behind the last; otherwise as
        `keep`."""
        async with self.arriving() as arrival:
            async for chunk in chunks:
                await arrival.add(chunk)
            if head is not None:
                await to_its_end(arrival.partial.rewrite_head, head)
            return await self.keep(arrival, about, sha256)

    async def adopt(self, path: Path, about: About, sha256: str = "") -> File:
        """Makes a file of one that is whole, and removes that then; where it fails it is where it
        was. Raises FileDamagedError if it has another SHA-256 than this."""
        taken, found, size = await to_its_end(self._contents.take, path)
        self._busy.add(taken.name)
        try:
            if sha256 and found != sha256:
                raise FileDamagedError(sha256)
            file = await self._place(taken, about, found, size)
            await to_its_end(path.unlink, missing_ok=True)
            return file
        finally:
            self._busy.discard(taken.name)
            await to_its_end(taken.unlink, missing_ok=True)

    async def get(self, file_id: str) -> Kept:
        """A file; raises UnknownFileError."""
        return await self._store.get(file_id, self._now())

    async def page(self, request: ListFilesRequest) -> ListFilesResponse:
        """See `pages.page`."""
        return await page(self._store.database, request, self._now())

    async def path(self, file_id: str) -> Path:
        """Where a file's content lies; see `Files.path`."""
        kept = await self.get(file_id)
        if kept.home_id != self._store.home_id:
            raise FileElsewhereError(file_id)
        path = self._contents.path(file_id)
        if not await asyncio.to_thread(path.exists):
            raise UnknownFileError(file_id)
        return path

    async def delete(self, file_id: str) -> None:
        """Removes a file; raises UnknownFileError."""
        await self._forget([await self.get(file_id)])

    async def delete_of(self, task_id: str) -> None:
        """Removes the files that a task made."""
        await self._forget(await self._store.of_task(task_id))

    async def ids_of(self, task_id: str) -> list[str]:
        """The ids of the files that a task made, the oldest first."""
        return [kept.file.file_id for kept in await self._store.of_task(task_id)]

    async def tidy(self) -> None:
        """Removes what the last server left half done: contents that are nobody's, and files that
        have none."""
        here = {file.file_id: file for file in await self._store.here()}
        await to_its_end(self._contents.sweep, await to_its_end(self._contents.strays, here))
        sizes = {file_id: file.size_bytes for file_id, file in here.items()}
        if gone := await to_its_end(self._contents.lacking, sizes):
            logger.warning("files_without_content", file_ids=gone[:10], count=len(gone))
            await self._forget([Kept(here[file_id], self._store.home_id) for file_id in gone])

    async def forget_expired(self) -> None:
        """Removes the files of this home whose time is over."""
        expired = await self._store.expired(self._now())
        await self._forget([Kept(file, self._store.home_id) for file in expired])

    async def drop_strays(self) -> None:
        """Removes contents of files that another server of this database has deleted."""
        # In this order, what becomes a file meanwhile is no stray: it is busy, or it has a row.
        strays = await to_its_end(self._contents.strays, ())
        known = set(self._busy)
        known |= {file.file_id for file in await self._store.here()}
        await to_its_end(self._contents.sweep, [name for name in strays if name not in known])

    async def _place(self, new: Path, about: About, sha256: str, size: int) -> File:
        name = clean_name(about.name)
        now = self._last = max(self._now(), self._last + 1)
        file = File(
            file_id=f"file-{secrets.token_hex(12)}",
            name=name,
            purpose=about.purpose or USER_DATA,
            size_bytes=size,
            sha256=sha256,
            media_type=about.media_type or media_type_of(name),
            task_id=about.task_id,
        )
        file.create_time.FromMicroseconds(now)
        if about.retention_seconds:
            file.expire_time.FromMicroseconds(now + round(about.retention_seconds * _SECOND))
        self._busy.add(file.file_id)
        try:
            task = asyncio.create_task(self._write(new, file))
            told = await wait_out(task)
            if told is None:
                return task.result()
            if not task.cancelled() and task.exception() is None:
                await self._forget([Kept(file, self._store.home_id)])
            raise told
        finally:
            self._busy.discard(file.file_id)

    async def _write(self, new: Path, file: File) -> File:
        await to_its_end(self._contents.place, new, file.sha256, file.file_id)
        try:
            await self._store.add(file)
        except BaseException:
            await to_its_end(self._contents.remove, file.file_id, file.sha256)
            raise
        return file

    async def _forget(self, kept: list[Kept]) -> None:
        if not kept:
            return
        ids = [one.file.file_id for one in kept]
        try:
            await self._store.remove(*ids)
        except StorageFullError:  # there is room for that when the contents are gone
            await self._drop(kept)
            await self._store.remove(*ids)
        await self._drop(kept)

    async def _drop(self, kept: list[Kept]) -> None:
        for one in kept:
            if one.home_id == self._store.home_id:
                await to_its_end(self._contents.remove, one.file.file_id, one.file.sha256)
