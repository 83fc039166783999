"""Takes in files that come in several calls: what was acknowledged stays."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from typing import Final

from funland.v1.files_pb2 import File
from funland.v1.uploads_pb2 import (
    AppendUploadRequest,
    CompleteUploadRequest,
    CreateUploadRequest,
    Upload,
)
from funland_server.errors import FieldInvalidError, Violation
from funland_server.files.errors import (
    FileDamagedError,
    FileTooLargeError,
    UnknownFileError,
    UnknownUploadError,
    UploadIncompleteError,
    UploadOffsetError,
)
from funland_server.files.keeping import About, Keeping
from funland_server.files.on_disk import to_its_end
from funland_server.files.room import lacks_room
from funland_server.files.upload_contents import Appending, UploadContents
from funland_server.files.upload_store import Coming, UploadStore
from funland_server.identity import caller
from funland_server.live import Live
from funland_server.storage.errors import StorageFullError
from funland_server.turns import Turns

_ACKNOWLEDGED: Final = 64 * 1024**2
"""Bytes after which those that came are put onto the disk for good amid a call."""


class Resuming:
    """The uploads of one home."""

    def __init__(
        self,
        contents: UploadContents,
        store: UploadStore,
        keeping: Keeping,
        now: Callable[[], int],
        *,
        limit_bytes: Live[int],
        reserve_bytes: Live[int],
    ) -> None:
        """`now` is the time in microseconds since 1970; `limit_bytes` is what one may have, and
        `reserve_bytes` what stays free on the disk."""
        self._contents = contents
        self._store = store
        self._keeping = keeping
        self._now = now
        self._limit = limit_bytes
        self._reserve = reserve_bytes
        self._turns = Turns[str]()
        """Those of who changes an upload."""

    async def create(self, request: CreateUploadRequest) -> Upload:
        """Begins an upload; raises as `UploadService.CreateUpload` promises."""
        limit = self._limit.now
        if request.size_bytes > limit:
            raise FileTooLargeError(limit, "server.upload_bytes")
        upload_id = f"upload-{secrets.token_hex(12)}"
        await to_its_end(self._contents.make, upload_id)
        try:
            await self._check_room(request.size_bytes)
            coming = await self._store.add(upload_id, request, caller().user_id, self._now())
        except BaseException:
            await to_its_end(self._contents.remove, upload_id)
            raise
        return coming.upload

    async def get(self, upload_id: str) -> Upload:
        """An upload; raises UnknownUploadError."""
        return (await self._coming(upload_id)).upload

    async def append(self, requests: AsyncIterator[AppendUploadRequest]) -> Upload:
        """Adds what comes; raises as `UploadService.AppendUpload` promises. What came until then is
        kept, however it ends."""
        first = await anext(requests, AppendUploadRequest())
        if not first.upload_id:
            raise FieldInvalidError([Violation("upload_id", "must come with the first message")])
        await self._coming(first.upload_id)
        async with self._turns.of(first.upload_id):
            coming = await self._coming(first.upload_id)
            if first.offset != coming.upload.offset:
                raise UploadOffsetError(first.upload_id, coming.upload.offset)
            content = await self._open(coming)
            arrival = _Arrival(self._store, content, coming.upload, self._now)
            try:
                await arrival.add(first.data)
                async for request in requests:
                    if request.upload_id not in ("", first.upload_id):
                        why = "was said otherwise in a message before"
                        raise FieldInvalidError([Violation("upload_id", why)])
                    await arrival.add(request.data)
            finally:
                try:
                    await arrival.acknowledge()
                finally:
                    content.close()
            return await self.get(first.upload_id)

    async def complete(self, request: CompleteUploadRequest) -> File:
        """Makes a file of an upload, once; raises as `UploadService.CompleteUpload` promises."""
        upload_id = request.upload_id
        async with self._turns.of(upload_id):
            coming = await self._coming(upload_id, also_completed=True)
            if coming.file_id:
                return await self._made(coming)
            upload = coming.upload
            if coming.rest:
                raise UploadIncompleteError(upload_id, upload.offset, upload.size_bytes)
            about = About(upload.name, upload.purpose, upload.media_type, coming.retention_seconds)
            path = self._contents.path(upload_id)
            try:
                # What lies beyond, nobody was told of.
                await to_its_end(self._contents.cut, upload_id, upload.size_bytes)
                file = await self._keeping.adopt(path, about, request.sha256)
            except FileNotFoundError:
                raise UnknownUploadError(upload_id) from None
            except FileDamagedError:
                await self._forget(upload_id)
                raise
            await self._store.completed(upload_id, file.file_id, self._now())
            return file

    async def cancel(self, upload_id: str) -> None:
        """Removes an upload; raises UnknownUploadError."""
        await self._coming(upload_id)
        async with self._turns.of(upload_id):
            await self._coming(upload_id)
            await self._forget(upload_id)

    async def tidy(self) -> None:
        """Removes what the last server left half done: uploads without a content, and contents
        that belong to none."""
        there = await to_its_end(self._contents.there)
        uploads = await self._store.all()
        gone = [one.upload.upload_id for one in uploads
                if not one.file_id and one.upload.upload_id not in there]  # fmt: skip
        if gone:
            await self._store.remove(gone)
        known = {one.upload.upload_id for one in uploads if not one.file_id}
        await to_its_end(self._contents.sweep, known - set(gone))

    async def forget_expired(self) -> None:
        """Removes uploads of which nothing came for a day."""
        for one in await self._store.forgotten(self._now()):
            upload_id = one.upload.upload_id
            if not self._turns.taken(upload_id):  # else there is news
                await self._forget(upload_id)

    async def _check_room(self, size: int) -> None:
        promised = await self._store.promised()
        free = (await asyncio.to_thread(shutil.disk_usage, self._contents.folder)).free
        if lacks_room(free, self._reserve.now, promised, size):
            raise StorageFullError

    async def _coming(self, upload_id: str, *, also_completed: bool = False) -> Coming:
        found = await self._store.find(upload_id, self._now())
        if found is None or not caller().sees(found.owner_id):
            raise UnknownUploadError(upload_id)
        if found.file_id and not also_completed:
            raise UnknownUploadError(upload_id)
        return found

    async def _open(self, coming: Coming) -> Appending:
        upload = coming.upload
        try:
            return await to_its_end(Appending, self._contents.path(upload.upload_id), upload.offset)
        except FileNotFoundError:
            raise UnknownUploadError(upload.upload_id) from None

    async def _made(self, coming: Coming) -> File:
        """The file that was made before: whoever asks again did not get the answer."""
        try:
            return (await self._keeping.get(coming.file_id)).file
        except UnknownFileError:
            raise UnknownUploadError(coming.upload.upload_id) from None

    async def _forget(self, upload_id: str) -> None:
        await to_its_end(self._contents.remove, upload_id)
        await self._store.remove([upload_id])


class _Arrival:
    """What comes in a call."""

    def __init__(
        self, store: UploadStore, content: Appending, upload: Upload, now: Callable[[], int]
    ) -> None:
        self._store = store
        self._content = content
        self._upload = upload
        self._now = now
        self._written = self._acknowledged = upload.offset

    async def add(self, data: bytes) -> None:
        """The next of it; raises FileTooLargeError, and what `to_its_end` does."""
        size = self._upload.size_bytes
        if self._written + len(data) > size:
            raise FileTooLargeError(size, "size_bytes of its upload")
        if data:
            await to_its_end(self._content.write, data)
            self._written += len(data)
        if self._written - self._acknowledged >= _ACKNOWLEDGED:
            await self.acknowledge()

    async def acknowledge(self) -> None:
        """Has all that came on the disk, and noted."""
        written = self._written
        if written > self._acknowledged:
            await to_its_end(self._content.sync)
            await self._store.acknowledge(self._upload.upload_id, written, self._now())
            self._acknowledged = written
