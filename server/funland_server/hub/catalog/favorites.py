"""The models that somebody has marked."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, tuple_

from funland_server.errors import FieldInvalidError, Violation
from funland_server.hub.catalog.entries import Key
from funland_server.hub.catalog.tables import favorites
from funland_server.hub.clients.protocol import HubKind
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.storage.inserting import insert_into


@dataclass(frozen=True, slots=True)
class Favorites:
    """Those of one database."""

    database: Database

    async def add(self, key: Key) -> int:
        """Marks a model; gives since when it is, in microseconds since 1970."""
        adding = insert_into(favorites, self.database.dialect)
        row = {"hub": key[0], "model_id": key[1], "create_time": time.time_ns() // 1000}

        async def write(connection: AsyncConnection) -> int:
            await connection.execute(adding.values(row).on_conflict_do_nothing())
            found = await connection.execute(
                select(favorites.c.create_time).where(
                    favorites.c.hub == key[0], favorites.c.model_id == key[1]
                )
            )
            return found.scalar_one()

        return await self.database.write(write)

    async def remove(self, hub: HubKind, model_id: str) -> None:
        """Unmarks a model; hub 0 is whichever it is."""
        query = delete(favorites).where(favorites.c.model_id == model_id)
        if hub:
            query = query.where(favorites.c.hub == hub)

        async def write(connection: AsyncConnection) -> None:
            await connection.execute(query)

        await self.database.write(write)

    async def among(self, keys: Sequence[Key]) -> frozenset[Key]:
        """Those of some models that are marked."""

        async def read(connection: AsyncConnection) -> frozenset[Key]:
            key = tuple_(favorites.c.hub, favorites.c.model_id)
            found = await connection.execute(
                select(favorites.c.hub, favorites.c.model_id).where(key.in_(keys))
            )
            return frozenset((row.hub, row.model_id) for row in found)

        return await self.database.read(read) if keys else frozenset()

    async def page(
        self, hub: HubKind, token: str, size: int
    ) -> tuple[list[tuple[Key, int]], str, int]:
        """Models with their times, the newest first, the token of the next page, and how many
        there are. Raises FieldInvalidError for a token that is none."""
        after = _place(token) if token else None

        async def read(connection: AsyncConnection) -> tuple[list[tuple[Key, int]], int]:
            count = select(func.count()).select_from(favorites)
            query = select(favorites)
            if hub:
                count = count.where(favorites.c.hub == hub)
                query = query.where(favorites.c.hub == hub)
            place = (favorites.c.create_time, favorites.c.hub, favorites.c.model_id)
            if after is not None:
                query = query.where(tuple_(*place) < after)
            query = query.order_by(*(each.desc() for each in place)).limit(size + 1)
            rows = (await connection.execute(query)).all()
            found = [((row.hub, row.model_id), row.create_time) for row in rows]
            return found, await connection.scalar(count) or 0

        found, total = await self.database.read(read)
        page = found[:size]
        more = len(found) > size
        (kind, model_id), time_ = page[-1] if page else ((0, ""), 0)
        return page, f"{time_}.{kind}.{model_id}" if more else "", total


def _place(token: str) -> tuple[int, int, str]:
    time_, _, rest = token.partition(".")
    kind, _, model_id = rest.partition(".")
    if not (
        re.fullmatch(r"\d{1,18}", time_, re.ASCII) and re.fullmatch(r"\d{1,8}", kind, re.ASCII)
    ):
        raise FieldInvalidError([Violation("page_token", "is no page's of the favorites")])
    return int(time_), int(kind), model_id
