"""An INSERT that can say what becomes of a row that is there already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Table
from sqlalchemy.dialects import sqlite

from funland_server.storage.backend import Dialect

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def insert_into(table: Table, dialect: Dialect) -> sqlite.Insert | postgresql.Insert:
    """The dialect's own: it has `on_conflict_do_update` and `on_conflict_do_nothing`."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    # Who has SQLite never needs PostgreSQL's dialect, a fortieth of the start.
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - as above

    return postgresql.insert(table)
