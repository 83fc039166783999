"""SQLite in a file of the home."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from sqlalchemy import event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from funland_server.storage.backend import Dialect, Fault
from funland_server.storage.connections import AsyncConnection, AsyncEngine, create_async_engine

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",  # readers do not wait for the writer
    "PRAGMA synchronous = FULL",  # what is committed survives kill -9 and a power cut
    "PRAGMA busy_timeout = 5000",
)
_CHECKED: Final = "PRAGMA foreign_keys = ON"  # SQLite's default is to pass over them
# A table that is made anew under another name, as most changes of a column need it, is dropped in
# its old form. With the keys on, that deletes the rows that refer to it.
_UNCHECKED: Final = "PRAGMA foreign_keys = OFF"
# The second: no room for the index of the write-ahead log.
_FULL: Final = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
# Another program has the lock for longer than the busy timeout, or the file or its disk is taken
# away. The lowest byte tells the kind, the others which of it.
_GONE: Final = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
)
_KIND: Final = 0xFF


@dataclass(frozen=True, slots=True)
class SQLite:
    """See `Backend`."""

    path: Path

    dialect: ClassVar[Dialect] = "sqlite"
    elsewhere: ClassVar[str] = "name another home with --home or FUNLAND_HOME"
    remedy: ClassVar[str] = "move it away"
    writers: ClassVar[int] = 1  # it has one: here they wait in order, there they would poll
    read_options: ClassVar[Mapping[str, Any]] = {}  # all its transactions do

    @property
    def name(self) -> str:
        """The file."""
        return str(self.path)

    def engine(self) -> AsyncEngine:
        """Connections that keep what they commit."""
        return _engine(self.path, (*_PRAGMAS, _CHECKED), "BEGIN")

    @asynccontextmanager
    async def migrating(self) -> AsyncGenerator[AsyncConnection]:
        """Makes the file, if there is none. Keys that refer to nothing undo it all at the end."""
        await asyncio.to_thread(_make_private, self.path)
        # Two servers that start at once wait for each other: what one has read, the other may not
        # have changed by the time that it writes.
        engine = _engine(self.path, (*_PRAGMAS, _UNCHECKED), "BEGIN IMMEDIATE", poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                yield connection
                broken = (await connection.execute(text("PRAGMA foreign_key_check"))).all()
                if broken:
                    raise RuntimeError(f"A migration left rows of {broken[0][0]} without a parent.")
        finally:
            await engine.dispose()

    def is_there(self) -> bool:
        """A file that is moved or deleted goes on without a name, and is lost with this process."""
        return self.path.is_file()

    def fault(self, error: Exception) -> Fault | None:
        """By the error's code."""
        code = getattr(error.orig, "sqlite_errorcode", None) if isinstance(error, DBAPIError) else 0
        if not code:
            return None
        if code in _FULL:
            return Fault.FULL
        # What was read is not the newest any more: another program wrote.
        if code == sqlite3.SQLITE_BUSY_SNAPSHOT:
            return Fault.CONFLICT
        return Fault.UNAVAILABLE if code & _KIND in _GONE else None


def _engine(path: Path, pragmas: tuple[str, ...], begin: str, **options: Any) -> AsyncEngine:
    def prepare(connection: Any, _record: Any) -> None:
        # The driver would begin transactions by itself, but only before some statements.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(pragma)
        cursor.close()

    def begin_it(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    url = URL.create("sqlite+aiosqlite", database=str(path))
    # An error's text goes to the log; values are what callers sent.
    engine = create_async_engine(url, hide_parameters=True, **options)
    event.listen(engine.sync_engine, "connect", prepare)
    event.listen(engine.sync_engine, "begin", begin_it)
    return engine


def _make_private(path: Path) -> None:
    """SQLite gives the files that it puts beside this one the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(handle, 0o600)
    finally:
        os.close(handle)
