"""The server's database: SQLite in a file of the home."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from funland_server.errors import StartError, StorageFullError
from funland_server.storage.migrations import migrate, migrations

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
    async with database.writing() as connection:
        await connection.execute(insert(table).values(...))
    # committed, and on the disk
    ```
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
            async with self.writing() as connection:
                await migrate(connection, migrations())
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

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for queries, which see one state of the database."""
        return self._engine.connect()

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[AsyncConnection]:
        """A connection in a transaction: committed at the end, undone by an exception.

        Raises:
            StorageFullError: The disk has no room for what is written.
        """
        try:
            async with self._writer, self._engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            if _is_full(error):
                raise StorageFullError from error
            raise


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
