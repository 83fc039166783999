"""The database: its schema, its durability, and files that are none."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from funland_server.errors import StartError
from funland_server.storage.database import Database
from funland_server.storage.errors import StorageFullError
from funland_server.storage.migrations import migrations


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "funland.sqlite3"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    database = Database(path)
    await database.open()
    yield database
    await database.close()


async def add(database: Database, *response_ids: str) -> None:
    """Adds responses in one transaction."""

    async def insert_all(connection: AsyncConnection) -> None:
        for response_id in response_ids:
            await connection.execute(
                text(
                    "INSERT INTO responses (response_id, create_time, input, output, response)"
                    " VALUES (:id, 0, x'', x'', x'')"
                ),
                {"id": response_id},
            )

    await database.write(insert_all)


async def ids(database: Database) -> list[str]:
    return list(await ask(database, "SELECT response_id FROM responses ORDER BY 1"))


async def ask(database: Database, query: str) -> Sequence[Any]:
    """What a query finds, of each row the first column."""

    async def find(connection: AsyncConnection) -> Sequence[Any]:
        return (await connection.execute(text(query))).scalars().all()

    return await database.read(find)


def test_migrations_are_numbered_without_holes() -> None:
    found = migrations()

    assert [migration.number for migration in found] == list(range(1, len(found) + 1))
    assert all(migration.statements for migration in found)


async def test_only_its_owner_can_read_the_files(database: Database, path: Path) -> None:
    await add(database, "one")

    files = list(path.parent.iterdir())

    assert {file.suffix for file in files} > {".sqlite3"}  # the write-ahead log is one of them
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_commit_is_on_the_disk_before_it_is_told(database: Database) -> None:
    assert await ask(database, "PRAGMA synchronous") == [2]  # FULL
    assert await ask(database, "PRAGMA journal_mode") == ["wal"]


async def test_what_was_written_is_there_after_another_start(
    database: Database, path: Path
) -> None:
    await add(database, "one")
    await database.close()

    again = Database(path)
    await again.open()
    try:
        assert await ids(again) == ["one"]
    finally:
        await again.close()


async def test_a_failure_undoes_the_whole_transaction(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await add(database, "one", "two", "one")

    assert await ids(database) == []


async def test_many_writers_wait_for_each_other(database: Database) -> None:
    names = [f"{number:02}" for number in range(20)]

    async with asyncio.TaskGroup() as group:
        for name in names:
            group.create_task(add(database, name))

    assert await ids(database) == names


async def test_a_full_disk_is_named_and_what_there_is_can_still_be_read(
    database: Database,
) -> None:
    await add(database, "one")
    # As many as there are. There is one connection, so the next is the same.
    await ask(database, "PRAGMA max_page_count = 1")

    with pytest.raises(StorageFullError):
        await add(database, *(f"{number:032}" for number in range(1000)))

    assert await ids(database) == ["one"]


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


async def test_a_database_of_a_newer_version_stops_the_start(
    database: Database, path: Path
) -> None:
    await database.close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO migrations VALUES (999, 'from_the_future')")
        connection.commit()

    with pytest.raises(StartError, match="newer version"):
        await Database(path).open()
