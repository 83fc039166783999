"""Brings a database to the newest schema, one numbered script after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from funland_server.errors import StartError

logger = structlog.get_logger(__name__)

_JOURNAL = """
CREATE TABLE IF NOT EXISTS migrations (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
)
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema."""

    number: int
    """From 1, without holes."""
    name: str
    statements: tuple[str, ...]


def migrations() -> tuple[Migration, ...]:
    """Those that come with this version: the scripts in `schema/`, by their numbers."""
    folder = resources.files(__package__ or "") / "schema"
    files = {file.name: file for file in folder.iterdir() if file.name.endswith(".sql")}
    return tuple(_read(name, files[name].read_text("utf-8")) for name in sorted(files))


def _read(file_name: str, script: str) -> Migration:
    number, _, name = file_name.removesuffix(".sql").partition("_")
    lines = (line for line in script.splitlines() if not line.lstrip().startswith("--"))
    # Drivers take one statement at a time; none of ours has a semicolon inside.
    statements = (statement.strip() for statement in "\n".join(lines).split(";"))
    return Migration(int(number), name, tuple(filter(None, statements)))


async def migrate(connection: AsyncConnection, known: Sequence[Migration]) -> None:
    """Applies those of `known` that the database has not seen, in the connection's transaction.

    Raises:
        StartError: A newer version of Funland has written the database.
    """
    await connection.execute(text(_JOURNAL))
    found = await connection.execute(text("SELECT max(number) FROM migrations"))
    last: int = found.scalar_one() or 0
    if last > len(known):
        raise StartError(
            "The database in the home was written by a newer version of Funland; install that, or"
            " name another home with --home or FUNLAND_HOME."
        )
    for migration in known[last:]:
        for statement in migration.statements:
            await connection.execute(text(statement))
        await connection.execute(
            text("INSERT INTO migrations (number, name) VALUES (:number, :name)"),
            {"number": migration.number, "name": migration.name},
        )
        logger.info("database_migrated", number=migration.number, name=migration.name)
