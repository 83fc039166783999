"""What is done already of tasks that have many parts, in the database: a run goes on where the last
one came to."""

from __future__ import annotations

from sqlalchemy import select

from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.storage.inserting import insert_into
from funland_server.tasks.tables import task_parts


class TaskParts:
    """The parts of all tasks of a database. They go with their task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def done(self, task_id: str) -> dict[int, bytes]:
        """What came of the parts of a task, by their numbers."""

        async def find(connection: AsyncConnection) -> dict[int, bytes]:
            query = select(task_parts.c.number, task_parts.c.outcome).where(
                task_parts.c.task_id == task_id
            )
            return {row.number: row.outcome for row in await connection.execute(query)}

        return await self._database.read(find)

    async def add(self, task_id: str, number: int, outcome: bytes) -> bool:
        """Keeps what came of a part; False: it was done already, perhaps by another server that has
        taken the task over, and that counts.

        Raises:
            StorageFullError, StorageUnavailableError: It is not kept.
        """
        insert = (
            insert_into(task_parts, self._database.dialect)
            .values(task_id=task_id, number=number, outcome=outcome)
            .on_conflict_do_nothing()
            .returning(task_parts.c.number)
        )

        async def add_it(connection: AsyncConnection) -> bool:
            return (await connection.execute(insert)).one_or_none() is not None

        return await self._database.write(add_it)
