"""What a kind of database has of its own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from enum import Enum, auto
from typing import Any, ClassVar, Literal, Protocol

from funland_server.storage.connections import AsyncConnection, AsyncEngine

Dialect = Literal["sqlite", "postgresql"]


class Fault(Enum):
    """What an error of a database means, where it is no defect."""

    FULL = auto()
    """The disk has no room."""
    UNAVAILABLE = auto()
    """The database could not be reached, or not to the end."""
    CONFLICT = auto()
    """Another transaction was in the way, and this one is undone: it may be made again."""


class Backend(Protocol):
    """A kind of database, and where one of it is."""

    dialect: ClassVar[Dialect]
    """SQLAlchemy's name of the kind."""
    remedy: ClassVar[str]
    """What to do about one that can't be used."""
    elsewhere: ClassVar[str]
    """How to take another one."""
    writers: ClassVar[int]
    """How many transactions may write at a time."""
    read_options: ClassVar[Mapping[str, Any]]
    """What lets a connection see one state of the database in all of its queries."""

    @property
    def name(self) -> str:
        """Which database it is, for people: it has no password."""
        ...

    def engine(self) -> AsyncEngine:
        """Connections for the server's work. Nothing is connected yet."""
        ...

    def migrating(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection in a transaction that alone may change the schema, committed at its end.

        Raises:
            OSError, DBAPIError, StorageUnavailableError: The database can't be used.
        """
        ...

    def is_there(self) -> bool:
        """Whether what was opened can still be found by another start. Blocks."""
        ...

    def fault(self, error: Exception) -> Fault | None:
        """What an error means that came up in a transaction; None if it is not the database's, or a
        defect."""
        ...
