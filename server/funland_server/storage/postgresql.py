"""PostgreSQL, by its URL."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool

from funland_server.database_url import told
from funland_server.errors import StartError
from funland_server.storage.backend import Dialect, Fault
from funland_server.storage.connections import AsyncConnection, AsyncEngine, create_async_engine
from funland_server.storage.errors import StorageUnavailableError

_DRIVER: Any = asyncpg  # it has no types
_CONNECT_SECONDS: Final = 10.0
_STATEMENT_SECONDS: Final = 60.0
"""After which a statement's answer is taken not to come: of a server that is cut off, none does."""
_KEPT, _MORE = 5, 10
"""Connections that are kept, and how many more there may be at a time."""
_MIGRATIONS: Final = 0x46756E6C616E64
"""The lock of those who change the schema: "Funland" in ASCII."""

_CONFLICTS: Final = (
    "40001",  # serialization_failure
    "40P01",  # deadlock_detected
)
_DISK_FULL: Final = "53100"
_GONE: Final = (
    "08",  # connection exceptions
    "53",  # too many connections, no memory
    "57P",  # the server stops, has crashed, or is not yet up
)


@dataclass(frozen=True, slots=True)
class PostgreSQL:
    """See `Backend`."""

    url: str = field(repr=False)
    """As `database_url.checked` gives it."""

    dialect: ClassVar[Dialect] = "postgresql"
    elsewhere: ClassVar[str] = "name another with the setting database_url (FUNLAND_DATABASE_URL)"
    remedy: ClassVar[str] = "see that it runs and lets Funland in"
    writers: ClassVar[int] = 10
    read_options: ClassVar[Mapping[str, Any]] = {
        "isolation_level": "REPEATABLE READ", "postgresql_readonly": True,
    }  # fmt: skip

    @property
    def name(self) -> str:
        """Host, port and database."""
        return told(self.url)

    def engine(self) -> AsyncEngine:
        """Connections that are tried before each transaction, so that a server may be started anew
        in between."""
        return _engine(
            self.url, _STATEMENT_SECONDS, pool_pre_ping=True, pool_size=_KEPT, max_overflow=_MORE
        )

    @asynccontextmanager
    async def migrating(self) -> AsyncGenerator[AsyncConnection]:
        """Servers that start at once wait for each other. A migration may take its time."""
        engine = _engine(self.url, None, poolclass=NullPool)
        try:
            async with engine.begin() as connection:
                lock = text("SELECT pg_advisory_xact_lock(:key)")
                await connection.execute(lock, {"key": _MIGRATIONS})
                encoding = await connection.scalar(text("SHOW server_encoding"))
                if encoding != "UTF8":
                    raise StartError(
                        f"The database {self.name} can't hold every text, since its encoding is"
                        f" {encoding}; make one with ENCODING 'UTF8'."
                    )
                yield connection
        finally:
            await engine.dispose()

    def is_there(self) -> bool:
        """What can't be reached says so by itself."""
        return True

    def fault(self, error: Exception) -> Fault | None:
        """By the error's SQLSTATE; an error of the driver for a lost connection has none."""
        # The first is the driver's, for a statement; the second is the pool's.
        if isinstance(error, TimeoutError | PoolTimeoutError):
            return Fault.UNAVAILABLE
        if not isinstance(error, DBAPIError):
            return None
        state: str = getattr(error.orig, "sqlstate", None) or ""
        if state == _DISK_FULL:
            return Fault.FULL
        cause = error.orig and error.orig.__cause__
        # The second: it was prepared before another server changed the schema.
        if state in _CONFLICTS or isinstance(cause, asyncpg.InvalidCachedStatementError):
            return Fault.CONFLICT
        # Of a server that is killed in the midst of an answer, the driver says that it can't
        # "switch to state 15".
        lost = error.connection_invalidated or isinstance(cause, asyncpg.InternalClientError)
        if lost or state.startswith(_GONE):
            return Fault.UNAVAILABLE
        return None


def _engine(url: str, statement_seconds: float | None, **options: Any) -> AsyncEngine:
    async def connect() -> Any:
        # The driver reads the URL: SQLAlchemy's reading has other options than libpq's, and an
        # engine tells its own URL.
        try:
            return await _DRIVER.connect(
                url, timeout=_CONNECT_SECONDS, command_timeout=statement_seconds
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise StorageUnavailableError from error

    return create_async_engine(
        "postgresql+asyncpg://", connect=connect, hide_parameters=True, **options
    )
