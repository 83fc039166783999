"""Writes down what the revisions make of an empty SQLite: `python -m tools.schema`."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Final

from funland_server.storage.migrating import migrate
from funland_server.storage.sqlite import SQLite
from funland_server.storage.standing import SCRIPT

_HEAD: Final = """\
-- What the revisions make of an empty SQLite: an empty home starts with it, and without Alembic.
-- `python -m tools.schema` has written it.
"""


async def script() -> str:
    """Migrates an empty file and gives the statements that make the same."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.sqlite3"
        async with SQLite(path).migrating() as connection:
            await connection.run_sync(migrate)
        with closing(sqlite3.connect(path)) as file:
            return "\n\n".join((_HEAD.strip(), *_statements(file))) + "\n"


def _statements(file: sqlite3.Connection) -> list[str]:
    made = [
        "\n".join(line.rstrip() for line in sql.strip().splitlines())
        for name, sql in file.execute("SELECT name, sql FROM sqlite_master ORDER BY rowid")
        # The others are made by themselves: for keys, and by the index of words.
        if sql is not None and not _is_of_an_index_of_words(file, name)
    ]
    (revision,) = file.execute("SELECT version_num FROM alembic_version").fetchone()
    return [*made, f"INSERT INTO alembic_version VALUES ('{revision}')"]  # noqa: S608 - our own


def _is_of_an_index_of_words(file: sqlite3.Connection, name: str) -> bool:
    kinds = dict(file.execute("SELECT name, type FROM pragma_table_list"))
    return kinds.get(name) == "shadow"


if __name__ == "__main__":
    SCRIPT.write_text(asyncio.run(script()), "utf-8")
