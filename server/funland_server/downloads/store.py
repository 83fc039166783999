"""Downloads in the database: kept, changed and forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import delete, insert, select, update

from funland.v1.downloads_pb2 import Download
from funland_server.downloads.plan import Plan
from funland_server.downloads.plan_json import from_json, to_json
from funland_server.downloads.tables import downloads
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database


@dataclass(frozen=True, slots=True)
class Kept:
    """A download as it was last saved."""

    download: Download
    plan: Plan
    arrival: int


@dataclass(frozen=True, slots=True)
class DownloadStore:
    """The downloads of one home. What writes raises StorageFullError where the disk is full; each
    write may be made twice."""

    database: Database
    home_id: str

    async def all(self) -> list[Kept]:
        """Every download, in order of arrival."""

        async def find(connection: AsyncConnection) -> list[Kept]:
            found = await connection.execute(
                select(downloads.c.download, downloads.c.plan, downloads.c.arrival)
                .where(downloads.c.home_id == self.home_id)
                .order_by(downloads.c.arrival)
            )
            return [
                Kept(Download.FromString(row.download), from_json(row.plan), row.arrival)
                for row in found
            ]

        return await self.database.read(find)

    async def add(self, kept: Kept) -> None:
        """Keeps a download; for a caller that is cancelled meanwhile it is not kept."""
        download_id = kept.download.download_id

        async def insert_it(connection: AsyncConnection) -> None:
            await connection.execute(
                insert(downloads).values(
                    download_id=download_id,
                    home_id=self.home_id,
                    arrival=kept.arrival,
                    plan=to_json(kept.plan),
                    download=kept.download.SerializeToString(),
                )
            )

        async def take_it_back(connection: AsyncConnection) -> None:
            await connection.execute(_delete(download_id))

        await self.database.write(insert_it, give_back=take_it_back)

    async def save(self, download: Download) -> None:
        """Writes a download anew; one that is not kept any more stays forgotten."""

        async def write_it(connection: AsyncConnection) -> None:
            await connection.execute(
                update(downloads)
                .where(downloads.c.download_id == download.download_id)
                .values(download=download.SerializeToString())
            )

        await self.database.write(write_it)

    async def remove(self, download_id: str) -> None:
        """Forgets a download."""

        async def delete_it(connection: AsyncConnection) -> None:
            await connection.execute(_delete(download_id))

        await self.database.write(delete_it)


def _delete(download_id: str):  # noqa: ANN202 - SQLAlchemy's own type of a statement
    return delete(downloads).where(downloads.c.download_id == download_id)
