"""SQLite's file: whose it is, what survives in it, and files that are none."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text

from funland_server.errors import StartError
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.storage.errors import StorageFullError, StorageUnavailableError
from tests.server.storage.test_database import add, ask, names

INSERT = text(
    "INSERT INTO responses (response_id, create_time, input, output, response)"
    " VALUES (:name, 0, '', '', '')"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "funland.sqlite3"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database(path)
    await database.open()
    yield database
    await database.close()


async def test_only_its_owner_can_read_the_files(database: Database, path: Path) -> None:
    await add(database, "one")

    files = list(path.parent.iterdir())

    assert {file.suffix for file in files} > {".sqlite3"}  # the write-ahead log is one of them
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


@pytest.mark.parametrize(
    ("pragma", "value"), [("synchronous", 2), ("journal_mode", "wal"), ("foreign_keys", 1)]
)
async def test_a_commit_is_on_the_disk_before_it_is_told(
    database: Database, pragma: str, value: Any
) -> None:
    assert await ask(database, text(f"PRAGMA {pragma}")) == [value]


async def test_a_full_disk_is_named_and_what_there_is_can_still_be_read(
    database: Database,
) -> None:
    await add(database, "one")
    # As many as there are. There is one connection, so the next is the same.
    await ask(database, text("PRAGMA max_page_count = 1"))

    with pytest.raises(StorageFullError):
        await add(database, *(f"{number:032}" for number in range(1000)))

    assert await names(database) == ["one"]


async def test_a_lock_that_another_program_keeps_is_told_and_what_there_is_can_still_be_read(
    database: Database, path: Path
) -> None:
    await add(database, "one")
    await ask(database, text("PRAGMA busy_timeout = 10"))  # of the one connection that there is

    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageUnavailableError):
            await add(database, "two")
        read = await names(database)
        other.rollback()
    await add(database, "three")

    assert read == ["one"]
    assert await names(database) == ["one", "three"]


async def test_what_another_program_wrote_meanwhile_has_a_change_made_again(
    database: Database, path: Path
) -> None:
    seen: list[int] = []

    async def count_and_add(connection: AsyncConnection) -> None:
        seen.append((await connection.execute(text("SELECT count(*) FROM responses"))).scalar_one())
        if len(seen) == 1:
            write_beside(path)
        await connection.execute(INSERT, {"name": f"mine, of {seen[-1]}"})

    await database.write(count_and_add)

    assert seen == [0, 1]
    assert await names(database) == ["mine, of 1", "other"]


def write_beside(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(str(INSERT), {"name": "other"})


def test_a_file_that_is_no_database_stops_the_start(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)

    with pytest.raises(StartError, match="can't be used"):
        asyncio.run(Database(path).open())

    assert path.read_bytes() == b"no database" * 1000


def test_a_disk_without_room_for_a_database_stops_the_start(path: Path) -> None:
    def limit(connection: Any, _record: Any) -> None:
        connection.execute("PRAGMA max_page_count = 2")

    event.listen(Engine, "connect", limit)
    try:
        with pytest.raises(StartError, match=r"can't be used \(the disk is full\)"):
            asyncio.run(Database(path).open())
    finally:
        event.remove(Engine, "connect", limit)


def test_a_link_in_its_place_stops_the_start(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StartError, match="can't be used"):
        asyncio.run(Database(path).open())

    assert not (tmp_path / "elsewhere").exists()


async def test_a_file_that_is_no_longer_there_is_told(database: Database, path: Path) -> None:
    await database.probe()

    await asyncio.to_thread(path.rename, path.with_name("elsewhere"))
    with pytest.raises(StorageUnavailableError, match="moved or deleted") as raised:
        await database.probe()
    assert str(path.parent) not in raised.value.message

    await asyncio.to_thread(path.with_name("elsewhere").rename, path)
    await database.probe()
