"""Brings a database to the newest schema, without Alembic where it has nothing to do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

_REVISIONS: Final = Path(__file__).parent / "migrations" / "versions"
SCRIPT: Final = Path(__file__).with_name("newest.sql")
"""What the revisions make of an empty SQLite, as `python -m tools.schema` writes it down. Were it
older than they are, the rest of them would follow."""


class NewerDatabaseError(Exception):
    """A newer version of Funland has written the database."""


def bring_up(connection: Connection) -> None:
    """Brings a database to the newest schema, in the connection's transaction.

    Raises:
        NewerDatabaseError: The database has seen what is not known here.
    """
    if _is_empty_sqlite(connection):
        for statement in _statements(SCRIPT.read_text("utf-8")):
            connection.exec_driver_sql(statement)
    if _seen(connection) != _newest():
        # With all that it needs, Alembic is a sixth of a start, and most starts have no use for it.
        from funland_server.storage.migrating import migrate  # noqa: PLC0415 - as above

        migrate(connection)


def _newest() -> str:
    """The last of the revisions. Their files' names begin with their numbers."""
    return max(path.name.partition("_")[0] for path in _REVISIONS.glob("[0-9]*.py"))


def _seen(connection: Connection) -> str | None:
    """The revision at which a database stands; None if it has seen none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def _is_empty_sqlite(connection: Connection) -> bool:
    """Whether it is an SQLite without a table."""
    if connection.dialect.name != "sqlite":
        return False
    return connection.scalar(text("SELECT count(*) FROM sqlite_master")) == 0


def _statements(script: str) -> list[str]:
    """Those of a script, which parts them by empty lines; comments stand in lines of their own."""
    told = "\n".join(line for line in script.splitlines() if not line.startswith("--"))
    return [statement for part in told.split("\n\n") if (statement := part.strip())]
