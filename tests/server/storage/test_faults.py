"""What the errors of drivers mean."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.dialects.postgresql.asyncpg import AsyncAdapt_asyncpg_dbapi
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from funland_server.responses.errors import ResponseNotFoundError
from funland_server.storage.backend import Fault
from funland_server.storage.postgresql import PostgreSQL
from funland_server.storage.sqlite import SQLite

POSTGRESQL = PostgreSQL("postgresql://localhost/funland")
SQLITE = SQLite(Path("funland.sqlite3"))


def of_postgresql(cause: Exception, lost: bool = False) -> DBAPIError:
    """An error as SQLAlchemy makes it of the driver's."""
    error = AsyncAdapt_asyncpg_dbapi.Error(str(cause), cause)
    error.__cause__ = cause
    return DBAPIError("SELECT 1", (), error, connection_invalidated=lost)


def of_sqlite(code: int) -> DBAPIError:
    error = sqlite3.OperationalError("told")
    error.sqlite_errorcode = code
    return DBAPIError("SELECT 1", (), error)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (of_postgresql(asyncpg.DiskFullError("")), Fault.FULL),
        (of_postgresql(asyncpg.SerializationError("")), Fault.CONFLICT),
        (of_postgresql(asyncpg.DeadlockDetectedError("")), Fault.CONFLICT),
        (of_postgresql(asyncpg.InvalidCachedStatementError("")), Fault.CONFLICT),
        (of_postgresql(asyncpg.ConnectionDoesNotExistError("")), Fault.UNAVAILABLE),
        (of_postgresql(asyncpg.AdminShutdownError("")), Fault.UNAVAILABLE),
        (of_postgresql(asyncpg.CannotConnectNowError("")), Fault.UNAVAILABLE),
        (of_postgresql(asyncpg.TooManyConnectionsError("")), Fault.UNAVAILABLE),
        (of_postgresql(asyncpg.InternalClientError("")), Fault.UNAVAILABLE),
        (of_postgresql(asyncpg.InterfaceError(""), lost=True), Fault.UNAVAILABLE),
        (of_postgresql(asyncpg.UniqueViolationError("")), None),
        (of_postgresql(asyncpg.UndefinedTableError("")), None),
        (of_postgresql(asyncpg.FeatureNotSupportedError("")), None),
        (of_postgresql(asyncpg.InterfaceError("")), None),
        (TimeoutError(), Fault.UNAVAILABLE),
        (PoolTimeoutError(), Fault.UNAVAILABLE),
        (ResponseNotFoundError("x"), None),
        (OSError(), None),
    ],
    ids=lambda value: None if isinstance(value, Fault) else _name(value),
)
def test_postgresql(error: Exception, fault: Fault | None) -> None:
    assert POSTGRESQL.fault(error) is fault


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (of_sqlite(sqlite3.SQLITE_FULL), Fault.FULL),
        (of_sqlite(sqlite3.SQLITE_IOERR_SHMSIZE), Fault.FULL),
        (of_sqlite(sqlite3.SQLITE_BUSY), Fault.UNAVAILABLE),
        (of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), Fault.CONFLICT),
        (of_sqlite(sqlite3.SQLITE_BUSY_RECOVERY), Fault.UNAVAILABLE),
        (of_sqlite(sqlite3.SQLITE_READONLY_DBMOVED), Fault.UNAVAILABLE),
        (of_sqlite(sqlite3.SQLITE_IOERR_WRITE), Fault.UNAVAILABLE),
        (of_sqlite(sqlite3.SQLITE_CANTOPEN), Fault.UNAVAILABLE),
        (of_sqlite(sqlite3.SQLITE_CORRUPT), None),
        (of_sqlite(sqlite3.SQLITE_ERROR), None),
        (of_sqlite(sqlite3.SQLITE_CONSTRAINT), None),
        (ResponseNotFoundError("x"), None),
        (TimeoutError(), None),
    ],
)
def test_sqlite(error: Exception, fault: Fault | None) -> None:
    assert SQLITE.fault(error) is fault


def _name(value: Any) -> str:
    orig = getattr(value, "orig", None)
    return type(getattr(orig, "__cause__", None) or value).__name__
