"""Files in the database: what is known of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, insert, or_, select

from funland.v1.files_pb2 import File
from funland_server.belonging import rows
from funland_server.belonging.rows import Thing, seen
from funland_server.files.errors import UnknownFileError
from funland_server.files.tables import files
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

AnyRow = Row[*tuple[Any, ...]]

_id, _expire = files.c.file_id, files.c.expire_time


@dataclass(frozen=True, slots=True)
class Kept:
    """A file that is kept, and whose it is."""

    file: File
    home_id: str


@dataclass(frozen=True, slots=True)
class FileStore:
    """The files of all homes that share a database. Times are microseconds since 1970. What writes
    raises StorageFullError where the disk is full; each write may be made twice."""

    database: Database
    home_id: str

    async def add(self, file: File) -> None:
        """Keeps a file of this home; for a caller that is cancelled meanwhile it is not kept."""

        async def insert_it(connection: AsyncConnection) -> None:
            await connection.execute(insert(files).values(_values(file, self.home_id)))
            await rows.keep(connection, self.database.dialect, Thing.FILE, file.file_id)

        async def take_it_back(connection: AsyncConnection) -> None:
            await connection.execute(delete(files).where(_id == file.file_id))
            await rows.drop(connection, Thing.FILE, [file.file_id])

        await self.database.write(insert_it, give_back=take_it_back)

    async def get(self, file_id: str, now: int) -> Kept:
        """A file; raises UnknownFileError, also for one that is to be forgotten."""

        async def find(connection: AsyncConnection) -> AnyRow | None:
            query = select(files).where(_id == file_id, alive(now), seen(Thing.FILE, _id))
            return (await connection.execute(query)).one_or_none()

        row = await self.database.read(find)
        if row is None:
            raise UnknownFileError(file_id)
        return Kept(whole(row), row.home_id)

    async def of_task(self, task_id: str) -> list[Kept]:
        """The files that a task made, the oldest first."""

        async def find(connection: AsyncConnection) -> list[Kept]:
            found = await connection.execute(
                select(files)
                .where(files.c.task_id == task_id, files.c.task_id != "")
                .order_by(files.c.create_time, _id)
            )
            return [Kept(whole(row), row.home_id) for row in found]

        return await self.database.read(find)

    async def remove(self, *file_ids: str) -> None:
        """Forgets files."""

        async def delete_them(connection: AsyncConnection) -> None:
            for file_id in sorted(file_ids):
                await connection.execute(delete(files).where(_id == file_id))
            await rows.drop(connection, Thing.FILE, file_ids)

        await self.database.write(delete_them)

    async def here(self) -> list[File]:
        """All of this home's files, also those whose time is over."""

        async def find(connection: AsyncConnection) -> list[File]:
            found = await connection.execute(select(files).where(files.c.home_id == self.home_id))
            return [whole(row) for row in found]

        return await self.database.read(find)

    async def expired(self, now: int) -> list[File]:
        """Those of this home that are to be forgotten."""

        async def find(connection: AsyncConnection) -> list[File]:
            found = await connection.execute(
                select(files).where(files.c.home_id == self.home_id, _expire <= now)
            )
            return [whole(row) for row in found]

        return await self.database.read(find)


def alive(now: int) -> ColumnElement[bool]:
    """Whether a row's file is not to be forgotten yet."""
    return or_(_expire.is_(None), _expire > now)


def whole(row: AnyRow) -> File:
    """The file of a row."""
    file = File(
        file_id=row.file_id,
        name=row.name,
        purpose=row.purpose,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        media_type=row.media_type,
        task_id=row.task_id,
    )
    file.create_time.FromMicroseconds(row.create_time)
    if row.expire_time is not None:
        file.expire_time.FromMicroseconds(row.expire_time)
    return file


def _values(file: File, home_id: str) -> dict[str, Any]:
    return {
        "file_id": file.file_id,
        "home_id": home_id,
        "name": file.name,
        "purpose": file.purpose,
        "media_type": file.media_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "create_time": file.create_time.ToMicroseconds(),
        "expire_time": file.expire_time.ToMicroseconds() if file.HasField("expire_time") else None,
        "task_id": file.task_id,
    }
