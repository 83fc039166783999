"""The server's database: SQLite in a file of the home, or PostgreSQL."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from funland_server.database_url import checked
from funland_server.errors import FunlandError, StartError
from funland_server.storage.backend import Backend, Dialect, Fault
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.errors import StorageFullError, StorageUnavailableError
from funland_server.storage.sqlite import SQLite
from funland_server.storage.standing import NewerDatabaseError, bring_up
from funland_server.storage.waiting_out import wait_out

logger = structlog.get_logger(__name__)

T = TypeVar("T")

Work = Callable[[AsyncConnection], Awaitable[T]]

_TRIES: Final = 10
"""How often a transaction is made before others that are in its way make it fail."""
_LONGEST_PAUSE: Final = 0.01
"""Half the most seconds before the second try; before each further one they are twice as many."""


class Database:
    """Connections to one database. Call `open` before all else and `close` after.

    ```python
    async def add(connection: AsyncConnection) -> None:
        await connection.execute(insert(table).values(...))

    await database.write(add)  # committed, and on the disk
    ```

    What a caller asks for runs in a task of its own, and a caller that is cancelled waits for its
    end: a driver that is cancelled amid a statement would leave the transaction open, and with it
    the lock on the whole database.
    """

    def __init__(self, place: Path | str) -> None:
        """`place` is SQLite's file, or the URL of a PostgreSQL database; raises ValueError."""
        backend = self._backend = _backend(place)
        self._engine = backend.engine()
        self._readers = self._engine.execution_options(**backend.read_options)
        self._turn = asyncio.Semaphore(backend.writers)

    @property
    def dialect(self) -> Dialect:
        """Which kind it is, for the few queries that differ."""
        return self._backend.dialect

    async def open(self) -> None:
        """Brings the schema up to date; makes SQLite's file, if there is none.

        Raises:
            StartError: It can't be used or reached, or belongs to a newer version.
        """
        backend = self._backend
        try:
            async with backend.migrating() as connection:
                await connection.run_sync(bring_up)
        except NewerDatabaseError as error:
            raise StartError(
                f"The database {backend.name} was written by a newer version of Funland; install"
                f" that, or {backend.elsewhere}."
            ) from error
        except (OSError, DBAPIError, StorageUnavailableError) as error:
            raise StartError(
                f"The database {backend.name} can't be used ({self._reason(error)});"
                f" {backend.remedy}, or {backend.elsewhere}."
            ) from error

    async def probe(self) -> None:
        """Reads something; raises StorageUnavailableError if it can't be reached, or is lost with
        this process."""

        async def look(connection: AsyncConnection) -> None:
            await connection.execute(text("SELECT version_num FROM alembic_version"))

        await self.read(look)
        if not await asyncio.to_thread(self._backend.is_there):
            raise StorageUnavailableError(
                "The database's file was moved or deleted: what is kept from now on is lost when"
                " the server stops. Start it anew with the file in its place."
            )

    async def close(self) -> None:
        """Ends all connections. Closing twice is no error."""
        await self._engine.dispose()

    async def read(self, query: Work[T]) -> T:
        """What `query` finds, by a connection that sees one state of the database.

        Raises:
            StorageUnavailableError: The database can't be reached.
        """
        task = asyncio.create_task(self._reading(query))
        told = await wait_out(task)
        if told is None:
            return task.result()
        _succeeded(task)
        raise told

    async def write(self, change: Work[T], give_back: Work[Any] | None = None) -> T:
        """Has `change` write in a transaction: committed at its end, undone by an exception.

        A caller that is cancelled before the commit has written nothing. One that is cancelled
        during the commit has: so `change` must be one that may be made again, or have a
        `give_back`, which undoes it in a transaction of its own before the caller is let go.

        PostgreSQL has several writers at once. What `change` reads in order to write, it locks with
        `with_for_update()`; where two are in each other's way, one is undone and made again.

        Raises:
            StorageFullError: The disk has no room for what is written.
            StorageUnavailableError: The database can't be reached. Only where it was lost during
                the commit may something be written.
        """
        async with self._turn:
            gone = asyncio.Event()
            task = asyncio.create_task(self._writing(change, gone))
            told = await wait_out(task, gone.set)
            if told is None:
                return task.result()[0]
            if _succeeded(task) and task.result()[1] and give_back is not None:
                giving = asyncio.create_task(self._writing(give_back, asyncio.Event()))
                await wait_out(giving)
                if not _succeeded(giving):
                    logger.warning("not_given_back", database=self._backend.name)
            raise told

    async def _reading(self, query: Work[T]) -> T:
        async def once() -> T:
            async with self._readers.connect() as connection:
                return await query(connection)

        return await self._made(once)

    async def _writing(self, change: Work[T], gone: asyncio.Event) -> tuple[T, bool]:
        """What `change` gives, and whether that is committed: not for a caller that is gone."""

        async def once() -> tuple[T, bool]:
            async with self._engine.begin() as connection:
                made = await change(connection)
                if gone.is_set():
                    await connection.rollback()
                    return made, False
            return made, True

        return await self._made(once)

    async def _made(self, once: Callable[[], Awaitable[T]]) -> T:
        """A transaction, made again while others are in its way."""
        tries = 0
        while True:
            tries += 1
            try:
                return await once()
            except Exception as error:
                match self._backend.fault(error):
                    case None:
                        raise
                    case Fault.FULL:
                        raise StorageFullError from error
                    case Fault.CONFLICT if tries < _TRIES:
                        pass
                    case Fault.CONFLICT | Fault.UNAVAILABLE:
                        reason = self._reason(error)
                        name = self._backend.name
                        logger.warning("database_unavailable", database=name, reason=reason)
                        raise StorageUnavailableError from error
            # Those that were in each other's way would be again, if they waited equally long.
            await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE * 2**tries))  # noqa: S311 - no secret

    def _reason(self, error: Exception) -> str:
        if isinstance(error, DBAPIError):
            full = self._backend.fault(error) is Fault.FULL
            return "the disk is full" if full else str(error.orig)
        cause = error.__cause__ if isinstance(error, FunlandError) else error
        return getattr(cause, "strerror", None) or str(cause) or "it does not answer"


def _backend(place: Path | str) -> Backend:
    if isinstance(place, Path):
        return SQLite(place)
    # Who has SQLite needs neither PostgreSQL's driver nor its dialect, a twentieth of a start.
    from funland_server.storage.postgresql import PostgreSQL  # noqa: PLC0415 - as above

    return PostgreSQL(checked(place))


def _succeeded(task: asyncio.Task[Any]) -> bool:
    """Whether a task has a result. Of one that has none, asyncio reports that nobody asked."""
    return not task.cancelled() and task.exception() is None
