"""How far the local catalog is with each hub."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import select

from funland_server.hub.catalog.tables import syncs
from funland_server.hub.clients.protocol import HubKind
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.storage.inserting import insert_into

_GOES_ON: int = 3600 * 10**6
"""A sync that broke off is taken up again within so many microseconds: later, the hub's pages are
others."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sync goes on."""

    cursor: str = ""
    models: int = 0
    """How many it has."""


@dataclass(frozen=True, slots=True)
class Syncs:
    """Those of one database."""

    database: Database

    async def times(self) -> dict[HubKind, int]:
        """When each hub was synced to its end, in microseconds since 1970."""

        async def read(connection: AsyncConnection) -> dict[HubKind, int]:
            query = select(syncs.c.hub, syncs.c.sync_time).where(syncs.c.sync_time.is_not(None))
            return {row.hub: row.sync_time for row in await connection.execute(query)}

        return await self.database.read(read)

    async def begin(self, hub: HubKind) -> Place:
        """Where to go on: at the beginning, or where one broke off not long ago."""

        async def read(connection: AsyncConnection) -> Place:
            row = (await connection.execute(select(syncs).where(syncs.c.hub == hub))).first()
            fresh = row is not None and (row.begin_time or 0) > _now() - _GOES_ON
            return Place(row.cursor, row.models) if row is not None and fresh else Place()

        return await self.database.read(read)

    async def reached(self, hub: HubKind, place: Place) -> None:
        """Notes how far a sync came."""
        await self._put(hub, begin_time=_now(), cursor=place.cursor, models=place.models)

    async def end(self, hub: HubKind) -> None:
        """Notes that a sync came to its end just now."""
        await self._put(hub, sync_time=_now(), begin_time=None, cursor="", models=0)

    async def _put(self, hub: HubKind, **row: object) -> None:
        query = insert_into(syncs, self.database.dialect).values(hub=hub, **row)
        query = query.on_conflict_do_update(index_elements=["hub"], set_=row)

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(query)

        await self.database.write(write)


def _now() -> int:
    return time.time_ns() // 1000
