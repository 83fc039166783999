"""The server's database: SQLite in a file of the home."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from funland_server.errors import StartError
from funland_server.storage.errors import StorageFullError
from funland_server.storage.migrations import migrate, migrations
from funland_server.storage.waiting_out import wait_out

logger = structlog.get_logger(__name__)

T = TypeVar("T")

Work = Callable[[AsyncConnection], Awaitable[T]]

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers do not wait for the writer
    "PRAGMA synchronous = FULL",  # what is committed survives kill -9 and a power cut
    "PRAGMA busy_timeout = 5000",
    "PRAGMA foreign_keys = ON",  # SQLite's default is to pass over them
)
# The second: no room for the index of the write-ahead log.
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)


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

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = create_async_engine(URL.create("sqlite+aiosqlite", database=str(path)))
        event.listen(self._engine.sync_engine, "connect", _prepare)
        event.listen(self._engine.sync_engine, "begin", _begin)
        # SQLite has one writer at a time: here they wait in order, there they would poll.
        self._writer = asyncio.Lock()

    async def open(self) -> None:
        """Makes the file, if there is none, and brings its schema up to date.

        Raises:
            StartError: The file is no database, can't be used, or belongs to a newer version.
        """
        try:
            await asyncio.to_thread(_make_private, self._path)
            await self.write(_migrate)
        except (OSError, DBAPIError, StorageFullError) as error:
            await self.close()
            reason = _reason(error)
            raise StartError(
                f"The database {self._path} can't be used ({reason}); move it away, or name another"
                " home with --home or FUNLAND_HOME."
            ) from error
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Ends all connections. Closing twice is no error."""
        await self._engine.dispose()

    async def read(self, query: Work[T]) -> T:
        """What `query` finds, by a connection that sees one state of the database."""
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

        Raises:
            StorageFullError: The disk has no room for what is written.
        """
        async with self._writer:
            gone = asyncio.Event()
            task = asyncio.create_task(self._writing(change, gone))
            told = await wait_out(task, gone.set)
            if told is None:
                return task.result()[0]
            if _succeeded(task) and task.result()[1] and give_back is not None:
                giving = asyncio.create_task(self._writing(give_back, asyncio.Event()))
                await wait_out(giving)
                if not _succeeded(giving):
                    logger.warning("not_given_back", path=self._path.name)
            raise told

    async def _reading(self, query: Work[T]) -> T:
        async with self._engine.connect() as connection:
            return await query(connection)

    async def _writing(self, change: Work[T], gone: asyncio.Event) -> tuple[T, bool]:
        """What `change` gives, and whether that is committed: not for a caller that is gone."""
        try:
            async with self._engine.begin() as connection:
                made = await change(connection)
                if gone.is_set():
                    await connection.rollback()
                    return made, False
        except DBAPIError as error:
            if _is_full(error):
                raise StorageFullError from error
            raise
        return made, True


async def _migrate(connection: AsyncConnection) -> None:
    await migrate(connection, migrations())


def _succeeded(task: asyncio.Task[Any]) -> bool:
    """Whether a task has a result. Of one that has none, asyncio reports that nobody asked."""
    return not task.cancelled() and task.exception() is None


def _make_private(path: Path) -> None:
    """SQLite gives the files that it puts beside this one the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(handle, 0o600)
    finally:
        os.close(handle)


def _reason(error: OSError | DBAPIError | StorageFullError) -> object:
    match error:
        case DBAPIError():
            return error.orig
        case StorageFullError():
            return "the disk is full"
        case OSError():
            return error.strerror


def _is_full(error: DBAPIError) -> bool:
    """Whether the disk is, or what the database may take of it."""
    return getattr(error.orig, "sqlite_errorcode", None) in _FULL


def _prepare(connection: Any, _record: Any) -> None:
    # The driver would begin transactions by itself, but only before some statements.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")
