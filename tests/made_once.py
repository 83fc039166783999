"""What every server of a process makes alike at its start, made once: an empty SQLite's tables."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import cache
from operator import attrgetter
from pathlib import Path

from funland_server.storage import sqlite as storage
from funland_server.storage import standing

make_private: Callable[[Path], None] = attrgetter("_make_private")(storage)
"""What makes SQLite's file, as servers have it."""


def copying(folder: Path) -> Callable[[Path], None]:
    """What takes the place of `make_private`: a file that is not there is a copy of one that has
    all tables. To make them takes a fifth of a start."""

    @cache
    def template() -> Path:
        path = folder / "newest.sqlite3"
        parted: Callable[[str], list[str]] = attrgetter("_statements")(standing)
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN")
            for statement in parted(standing.SCRIPT.read_text("utf-8")):
                connection.execute(statement)
            connection.execute("COMMIT")
        return path

    def copied(path: Path) -> None:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(template(), path)
        make_private(path)

    return copied
