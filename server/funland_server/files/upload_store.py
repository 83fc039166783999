"""Uploads in the database: whose each is, and how much of it is on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from funland.v1.uploads_pb2 import CreateUploadRequest, Upload
from funland_server.files.tables import uploads
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

KEPT_FOR: Final = 24 * 3600 * 10**6
"""Microseconds after its last news, after which an upload is forgotten."""


@dataclass(frozen=True, slots=True)
class Coming:
    """An upload, whose it is, and what becomes of it."""

    upload: Upload
    owner_id: str
    retention_seconds: int
    file_id: str
    """The file that was made of it; empty: none yet."""

    @property
    def rest(self) -> int:
        """How many bytes are still to come."""
        return self.upload.size_bytes - self.upload.offset


@dataclass(frozen=True, slots=True)
class UploadStore:
    """The uploads of one home. Times are microseconds since 1970. What writes raises
    StorageFullError where the disk is full, and may be made twice."""

    database: Database
    home_id: str

    async def add(
        self, upload_id: str, request: CreateUploadRequest, owner_id: str, now: int
    ) -> Coming:
        """Keeps an upload of which nothing is there."""
        values = {
            "upload_id": upload_id,
            "home_id": self.home_id,
            "owner_id": owner_id,
            "name": request.name,
            "purpose": request.purpose,
            "media_type": request.media_type,
            "size_bytes": request.size_bytes,
            "retention_seconds": request.retention_seconds,
            "bytes_there": 0,
            "create_time": now,
            "news_time": now,
            "file_id": "",
        }

        async def insert_it(connection: AsyncConnection) -> None:
            await connection.execute(insert(uploads).values(values))

        async def take_it_back(connection: AsyncConnection) -> None:
            await connection.execute(delete(uploads).where(uploads.c.upload_id == upload_id))

        await self.database.write(insert_it, give_back=take_it_back)
        found = await self.find(upload_id, now)
        if found is None:
            raise RuntimeError("an upload that was added is not there")
        return found

    async def find(self, upload_id: str, now: int) -> Coming | None:
        """An upload of this home that is not to be forgotten yet."""
        wanted = (uploads.c.upload_id == upload_id, uploads.c.news_time > now - KEPT_FOR)
        return next(iter(await self._chosen(*wanted)), None)

    async def all(self) -> list[Coming]:
        """All of this home, also those that are to be forgotten."""
        return await self._chosen()

    async def forgotten(self, now: int) -> list[Coming]:
        """Those of this home that are to be forgotten."""
        return await self._chosen(uploads.c.news_time <= now - KEPT_FOR)

    async def promised(self) -> int:
        """How many bytes are still to come of all of this home's."""
        wanted = (uploads.c.home_id == self.home_id, uploads.c.file_id == "")
        query = select(func.sum(uploads.c.size_bytes - uploads.c.bytes_there)).where(*wanted)

        async def find(connection: AsyncConnection) -> int:
            return int((await connection.execute(query)).scalar_one() or 0)

        return await self.database.read(find)

    async def acknowledge(self, upload_id: str, offset: int, now: int) -> None:
        """Notes that so many bytes are on the disk."""
        await self._change(upload_id, bytes_there=offset, news_time=now)

    async def completed(self, upload_id: str, file_id: str, now: int) -> None:
        """Notes which file was made of one."""
        await self._change(upload_id, file_id=file_id, news_time=now)

    async def remove(self, upload_ids: Sequence[str]) -> None:
        """Forgets uploads."""

        async def delete_them(connection: AsyncConnection) -> None:
            for upload_id in sorted(upload_ids):
                await connection.execute(delete(uploads).where(uploads.c.upload_id == upload_id))

        await self.database.write(delete_them)

    async def _change(self, upload_id: str, **values: Any) -> None:
        async def write(connection: AsyncConnection) -> None:
            await connection.execute(
                update(uploads).where(uploads.c.upload_id == upload_id).values(**values)
            )

        await self.database.write(write)

    async def _chosen(self, *wanted: ColumnElement[bool]) -> list[Coming]:
        query = select(uploads).where(uploads.c.home_id == self.home_id, *wanted)

        async def find(connection: AsyncConnection) -> list[Coming]:
            return [_whole(row) for row in await connection.execute(query)]

        return await self.database.read(find)


def _whole(row: Row[*tuple[Any, ...]]) -> Coming:
    upload = Upload(
        upload_id=row.upload_id,
        name=row.name,
        purpose=row.purpose,
        media_type=row.media_type,
        size_bytes=row.size_bytes,
        offset=row.bytes_there,
    )
    upload.create_time.FromMicroseconds(row.create_time)
    upload.expire_time.FromMicroseconds(row.news_time + KEPT_FOR)
    return Coming(upload, row.owner_id, row.retention_seconds, row.file_id)
