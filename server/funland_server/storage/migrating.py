"""Brings a database to the newest schema: Alembic, in a transaction that its caller ends."""

from __future__ import annotations

from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from funland_server.storage.standing import NewerDatabaseError

SCRIPTS: Final = "funland_server.storage:migrations"
"""Where `env.py` and the revisions are, in Alembic's words for a package's folder."""

_NUMBERED: Final = "migrations"
"""The table in which versions before Alembic, which knew SQLite alone, kept their scripts'
numbers."""


def migrate(connection: Connection, scripts: str = SCRIPTS) -> None:
    """Applies what the database has not seen, in the connection's transaction.

    Raises:
        NewerDatabaseError: The database has seen what is not known here.
    """
    config = Config()
    config.set_main_option("script_location", scripts)
    config.attributes["connection"] = connection
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    seen = MigrationContext.configure(connection).get_current_heads()
    numbered = _numbered(connection)
    if not {*seen, *([numbered] if numbered else [])} <= known:
        raise NewerDatabaseError
    if numbered:
        command.stamp(config, numbered)
        connection.execute(text(f"DROP TABLE {_NUMBERED}"))
    command.upgrade(config, "head")


def _numbered(connection: Connection) -> str | None:
    """The revision of a database from before Alembic: the scripts are the first of them."""
    if connection.dialect.name != "sqlite" or not inspect(connection).has_table(_NUMBERED):
        return None
    last = connection.scalar(text(f"SELECT max(number) FROM {_NUMBERED}"))  # noqa: S608 - a constant
    return f"{last:04}"
