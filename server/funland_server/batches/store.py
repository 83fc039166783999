"""Batches in the database: kept, found, changed and forgotten."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, delete, func, insert, select, tuple_, update

from funland.v1.batches_pb2 import (
    Batch,
    CreateBatchRequest,
    ListBatchesRequest,
    ListBatchesResponse,
)
from funland_server.batches.errors import BatchNotFoundError
from funland_server.batches.tables import batches, unended
from funland_server.belonging import rows as belongings
from funland_server.belonging.rows import Thing, seen
from funland_server.errors import FieldInvalidError, Violation
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

_PAGE_SIZE: Final = 100

Change = Callable[[Batch], bool]
"""Changes a batch in place; False: it stays as it is."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A batch as it was last saved."""

    batch: Batch
    request: CreateBatchRequest
    home_id: str


@dataclass(frozen=True, slots=True)
class BatchStore:
    """The batches of one database, of all its homes. What writes raises StorageFullError where the
    disk is full; each write may be made twice."""

    database: Database
    home_id: str

    async def add(self, batch: Batch, request: CreateBatchRequest) -> None:
        """Keeps a new batch of this home; for a caller that is cancelled it is not kept."""

        async def insert_it(connection: AsyncConnection) -> None:
            await connection.execute(
                insert(batches).values(
                    batch_id=batch.batch_id,
                    home_id=self.home_id,
                    task_id=batch.task_id,
                    create_time=batch.create_time.ToMicroseconds(),
                    state=batch.state,
                    request=request.SerializeToString(),
                    batch=batch.SerializeToString(),
                )
            )
            await belongings.keep(connection, self.database.dialect, Thing.BATCH, batch.batch_id)

        async def take_it_back(connection: AsyncConnection) -> None:
            await connection.execute(delete(batches).where(_is(batch.batch_id)))
            await belongings.drop(connection, Thing.BATCH, [batch.batch_id])

        await self.database.write(insert_it, give_back=take_it_back)

    async def get(self, batch_id: str) -> Kept:
        """A batch; raises BatchNotFoundError."""

        async def find(connection: AsyncConnection) -> Kept | None:
            found = await connection.execute(select(batches).where(_is(batch_id)))
            row = found.one_or_none()
            if row is None:
                return None
            return Kept(
                Batch.FromString(row.batch),
                CreateBatchRequest.FromString(row.request),
                row.home_id,
            )

        kept = await self.database.read(find)
        if kept is None:
            raise BatchNotFoundError(batch_id)
        return kept

    async def change(self, batch_id: str, change: Change) -> Batch:
        """Has a batch changed, and gives it as it then is; raises BatchNotFoundError."""

        async def change_it(connection: AsyncConnection) -> Batch | None:
            found = await connection.execute(
                select(batches.c.batch).where(_is(batch_id)).with_for_update()
            )
            row = found.one_or_none()
            if row is None:
                return None
            batch = Batch.FromString(row.batch)
            if change(batch):
                await connection.execute(
                    update(batches)
                    .where(_is(batch_id))
                    .values(state=batch.state, batch=batch.SerializeToString())
                )
            return batch

        changed = await self.database.write(change_it)
        if changed is None:
            raise BatchNotFoundError(batch_id)
        return changed

    async def remove(self, batch_id: str) -> None:
        """Forgets a batch."""

        async def delete_it(connection: AsyncConnection) -> None:
            await connection.execute(delete(batches).where(_is(batch_id)))
            await belongings.drop(connection, Thing.BATCH, [batch_id])

        await self.database.write(delete_it)

    async def of_task(self, task_id: str) -> Batch | None:
        """The batch of this home that a task is, if it is one."""

        async def find(connection: AsyncConnection) -> Batch | None:
            found = await connection.execute(
                select(batches.c.batch).where(
                    batches.c.task_id == task_id, batches.c.home_id == self.home_id
                )
            )
            content = found.scalar_one_or_none()
            return None if content is None else Batch.FromString(content)

        return await self.database.read(find)

    async def unended(self) -> list[Batch]:
        """Those of this home that have not ended."""
        return await self._of_home(
            select(batches.c.batch).where(batches.c.home_id == self.home_id, unended)
        )

    async def all(self) -> list[Batch]:
        """All of this home."""
        return await self._of_home(select(batches.c.batch).where(batches.c.home_id == self.home_id))

    async def page(self, request: ListBatchesRequest) -> ListBatchesResponse:
        """The batches that a request asks for; raises FieldInvalidError for its `page_token`."""
        size = request.page_size or _PAGE_SIZE
        place = tuple_(batches.c.create_time, batches.c.batch_id)

        async def find(connection: AsyncConnection) -> ListBatchesResponse:
            own = seen(Thing.BATCH, batches.c.batch_id)
            query = select(batches.c.batch).where(own)
            if request.page_token:
                found = await connection.execute(
                    select(batches.c.create_time).where(_is(request.page_token))
                )
                after = found.scalar_one_or_none()
                if after is None:
                    raise FieldInvalidError(
                        [Violation("page_token", "names no batch that is kept")]
                    )
                query = query.where(place < (after, request.page_token))
            order = (batches.c.create_time.desc(), batches.c.batch_id.desc())
            found = await connection.execute(query.order_by(*order).limit(size + 1))
            rows = [Batch.FromString(content) for content in found.scalars()]
            count = await connection.execute(select(func.count()).select_from(batches).where(own))
            return ListBatchesResponse(
                batches=rows[:size],
                next_page_token=rows[size - 1].batch_id if len(rows) > size else "",
                total_size=count.scalar_one(),
            )

        return await self.database.read(find)

    async def _of_home(self, query: Select[Any]) -> list[Batch]:
        async def find(connection: AsyncConnection) -> list[Batch]:
            found = await connection.execute(query)
            return [Batch.FromString(content) for content in found.scalars()]

        return await self.database.read(find)


def _is(batch_id: str):  # noqa: ANN202 - SQLAlchemy's own type of a condition
    return batches.c.batch_id == batch_id
