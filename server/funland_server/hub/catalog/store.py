"""The local catalog: all that hubs have told of models, kept, found and counted."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, case, delete, func, select, tuple_

from funland.v1.hub_pb2 import HubModel, SearchHubModelsRequest
from funland.v1.models_pb2 import Model, Origin
from funland_server.hub.catalog.entries import (
    Entry,
    Key,
    entry_of,
    files_to_row,
    key_of,
    merged,
    quantizations_of,
    row_of,
    stamped,
)
from funland_server.hub.catalog.index import finds, finds_by_name, index
from funland_server.hub.catalog.tables import listings, models
from funland_server.hub.catalog.words import phrases_of
from funland_server.hub.choice.variants import variants_of
from funland_server.hub.clients.protocol import HubKind, Listing
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.storage.inserting import insert_into

_SORTS = {
    SearchHubModelsRequest.SORT_UNSPECIFIED: models.c.downloads,
    SearchHubModelsRequest.DOWNLOADS: models.c.downloads,
    SearchHubModelsRequest.LIKES: models.c.likes,
    SearchHubModelsRequest.UPDATED: models.c.update_time,
}
_FEW: Final = 1000
_listed = (
    models.c.model, listings.c.files, listings.c.quantization, listings.c.listed_time,
    listings.c.revision,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """Which entries are searched for. What is empty or 0 does not matter."""

    text: str = ""
    hubs: tuple[HubKind, ...] = ()
    format: Model.Format.ValueType = Model.FORMAT_UNSPECIFIED
    quantization: str = ""
    model_type: str = ""
    owner: str = ""
    sort: SearchHubModelsRequest.Sort.ValueType = SearchHubModelsRequest.SORT_UNSPECIFIED


@dataclass(frozen=True, slots=True)
class Catalog:
    """The entries of one database."""

    database: Database

    async def remember(self, told: Sequence[HubModel]) -> int:
        """Keeps what lists have told just now; gives how many of them are new."""
        every = {key_of(model): model for model in told}

        async def write(connection: AsyncConnection) -> int:
            found = await connection.execute(
                select(models.c.hub, models.c.model_id, models.c.model).where(_among(every))
            )
            known = {(row.hub, row.model_id): HubModel.FromString(row.model) for row in found}
            whole = [
                merged(known[key], model) if key in known else model
                for key, model in sorted(every.items())
            ]
            await self._put(connection, whole)
            return len(every) - len(known)

        return await self.database.write(write) if every else 0

    async def remember_listing(self, listing: Listing) -> None:
        """Keeps all that a hub has told just now of a model."""
        variants = variants_of(listing.files, listing.quantization)

        async def write(connection: AsyncConnection) -> None:
            model = HubModel()
            model.CopyFrom(listing.model)
            formats = {one.format for one in variants}
            if formats:
                model.formats[:] = sorted(formats)
            (number,) = await self._put(connection, [model])
            await connection.execute(delete(listings).where(listings.c.id == number))
            await connection.execute(
                listings.insert().values(
                    id=number,
                    revision=model.revision,
                    listed_time=_now(),
                    quantization=listing.quantization,
                    files=files_to_row(listing.files),
                )
            )
            await connection.execute(
                models.update()
                .where(models.c.id == number)
                .values(quantizations=quantizations_of(variants))
            )

        await self.database.write(write)

    async def get(self, hub: HubKind, model_id: str) -> Entry | None:
        """What is known of a model, with its files if they are."""
        return (await self.get_all([(hub, model_id)])).get((hub, model_id))

    async def get_all(self, keys: Sequence[Key]) -> dict[Key, Entry]:
        """What is known of some models, with their files where they are."""

        async def read(connection: AsyncConnection) -> dict[Key, Entry]:
            query = select(*_listed).select_from(models.outerjoin(listings)).where(_among(keys))
            entries = [entry_of(row) for row in await connection.execute(query)]
            return {entry.key: entry for entry in entries}

        return await self.database.read(read) if keys else {}

    async def search(self, asked: Asked, offset: int, limit: int) -> tuple[list[Entry], int]:
        """A page of entries without files, and how many there are on all. Those with all words in
        their names come first; then the order is that which was asked for, or by downloads."""

        async def read(connection: AsyncConnection) -> tuple[list[Entry], int]:
            total = await connection.scalar(self._chosen(select(func.count()), asked)) or 0
            few = total < _FEW
            if offset >= total:
                return [], total
            phrases, dialect = phrases_of(asked.text), self.database.dialect
            if not phrases or asked.sort:
                return await self._part(connection, asked, (), offset, limit, few=few), total
            # One after the other, since each is found in the order of its index, a page at a time.
            by_name = finds_by_name(dialect, phrases)
            first = await self._part(connection, asked, (by_name,), offset, limit, few=few)
            if len(first) == limit:
                return first, total
            count = self._chosen(select(func.count()), asked).where(by_name)
            before = await connection.scalar(count) or 0
            elsewhere = finds_by_name(dialect, phrases, right=False)
            begin, room = max(0, offset - before), limit - len(first)
            rest = await self._part(connection, asked, (elsewhere,), begin, room, few=few)
            return [*first, *rest], total

        return await self.database.read(read)

    async def _part(
        self,
        connection: AsyncConnection,
        asked: Asked,
        conditions: Sequence[ColumnElement[bool]],
        offset: int,
        limit: int,
        *,
        few: bool,
    ) -> list[Entry]:
        query = self._chosen(select(models.c.model), asked, few=few).where(*conditions)
        query = query.order_by(_SORTS[asked.sort].desc(), models.c.id.desc())
        found = await connection.execute(query.limit(limit).offset(offset))
        return [entry_of(row) for row in found]

    async def counts(self) -> dict[HubKind, tuple[int, int]]:
        """How many models of each hub there are, and how often they were downloaded together."""

        async def read(connection: AsyncConnection) -> dict[HubKind, tuple[int, int]]:
            told = func.sum(case((models.c.downloads > 0, models.c.downloads), else_=0))
            query = select(models.c.hub, func.count(), told).group_by(models.c.hub)
            found = (await connection.execute(query)).all()
            return {hub: (count, int(downloads)) for hub, count, downloads in found}

        return await self.database.read(read)

    async def categories(self, hub: HubKind = Origin.HUB_UNSPECIFIED) -> list[tuple[str, int]]:
        """The kinds of models and how many there are of each, the most frequent first."""

        async def read(connection: AsyncConnection) -> list[tuple[str, int]]:
            count = func.count()
            query = select(models.c.model_type, count).where(models.c.model_type != "")
            if hub:
                query = query.where(models.c.hub == hub)
            query = query.group_by(models.c.model_type)
            found = await connection.execute(query.order_by(count.desc(), models.c.model_type))
            return [(name, number) for name, number in found]

        return await self.database.read(read)

    def _chosen(
        self, query: Select[*tuple[Any, ...]], asked: Asked, *, few: bool = False
    ) -> Select[*tuple[Any, ...]]:
        query = query.select_from(models)
        phrases = phrases_of(asked.text)
        if phrases:
            query = query.where(finds(self.database.dialect, phrases, few=few))
        elif asked.text.strip():
            query = query.where(models.c.id < 0)  # what has no word is in no text
        if asked.hubs:
            query = query.where(models.c.hub.in_(asked.hubs))
        if asked.format:
            query = query.where(models.c.formats.op("&")(1 << asked.format) != 0)
        if asked.quantization:
            name = f"|{asked.quantization.upper()}|"
            query = query.where(models.c.quantizations.contains(name, autoescape=True))
        if asked.model_type:
            query = query.where(models.c.model_type == asked.model_type.lower())
        if asked.owner:
            query = query.where(models.c.owner == asked.owner.lower())
        return query

    async def _put(self, connection: AsyncConnection, told: Sequence[HubModel]) -> list[int]:
        """Writes models anew; gives the numbers of their rows."""
        if not told:
            return []
        dialect = self.database.dialect
        known_time = stamped(_now())
        for model in told:
            model.known_time.CopyFrom(known_time)
        written = insert_into(models, dialect)
        names = row_of(told[0])
        await connection.execute(
            written.on_conflict_do_update(
                index_elements=["hub", "model_id"],
                set_={name: written.excluded[name] for name in names},
            ),
            [row_of(model) for model in told],
        )
        found = await connection.execute(
            select(models.c.id, models.c.hub, models.c.model_id).where(
                _among([key_of(model) for model in told])
            )
        )
        numbers = {(row.hub, row.model_id): row.id for row in found}
        entries = [(numbers[key_of(model)], model) for model in told]
        await index(connection, dialect, entries)
        return [number for number, _ in entries]


def _among(keys: Any) -> Any:
    return tuple_(models.c.hub, models.c.model_id).in_(list(keys))


def _now() -> int:
    return time.time_ns() // 1000
