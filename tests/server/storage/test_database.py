"""What every database does, SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import IntegrityError

from funland_server.responses.tables import responses
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

_ONE = responses.c.response_id == "one"


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    database = Database(place)
    await database.open()
    yield database
    await database.close()


async def add(database: Database, *names: str, create_time: int = 0) -> None:
    """Adds responses in one transaction."""

    async def insert_all(connection: AsyncConnection) -> None:
        for name in names:
            await connection.execute(
                insert(responses).values(
                    response_id=name, create_time=create_time, input=b"", output=b"", response=b""
                )
            )

    await database.write(insert_all)


async def ask(database: Database, query: Any) -> Sequence[Any]:
    """What a query finds, of each row the first column."""

    async def find(connection: AsyncConnection) -> Sequence[Any]:
        return (await connection.execute(query)).scalars().all()

    return await database.read(find)


async def names(database: Database) -> list[str]:
    query = select(responses.c.response_id).order_by(responses.c.response_id)
    return list(await ask(database, query))


async def test_it_says_which_kind_it_is(database: Database, place: Path | str) -> None:
    assert database.dialect == ("sqlite" if isinstance(place, Path) else "postgresql")


async def test_what_was_written_is_there_after_another_start(
    database: Database, place: Path | str
) -> None:
    await add(database, "one")
    await database.close()

    again = Database(place)
    await again.open()
    try:
        assert await names(again) == ["one"]
    finally:
        await again.close()


async def test_a_failure_undoes_the_whole_transaction(database: Database) -> None:
    with pytest.raises(IntegrityError):
        await add(database, "one", "two", "one")

    assert await names(database) == []


async def test_an_error_does_not_tell_what_was_written(database: Database) -> None:
    """Such errors go to the log, and what is written is what callers said."""

    async def change(connection: AsyncConnection) -> None:
        await connection.execute(text("INSERT INTO nowhere VALUES (:said)"), {"said": "a secret"})

    with pytest.raises(Exception, match="nowhere") as raised:
        await database.write(change)

    assert "a secret" not in str(raised.value)


async def test_many_writers_at_once_all_write(database: Database) -> None:
    expected = [f"{number:02}" for number in range(40)]

    async with asyncio.TaskGroup() as group:
        for name in expected:
            group.create_task(add(database, name))

    assert await names(database) == expected


async def test_what_a_writer_locks_nobody_else_changes(database: Database) -> None:
    await add(database, "one")

    async def count_up(connection: AsyncConnection) -> None:
        query = select(responses.c.create_time).where(_ONE).with_for_update()
        count = (await connection.execute(query)).scalar_one()
        await connection.execute(update(responses).where(_ONE).values(create_time=count + 1))

    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(database.write(count_up))

    assert await ask(database, select(responses.c.create_time)) == [20]


async def test_a_reader_sees_one_state_whatever_is_written_meanwhile(database: Database) -> None:
    query = select(responses.c.response_id)

    async def look_twice(connection: AsyncConnection) -> tuple[Sequence[Any], Sequence[Any]]:
        first = (await connection.execute(query)).all()
        await add(database, "one")
        return first, (await connection.execute(query)).all()

    assert await database.read(look_twice) == ([], [])
    assert await names(database) == ["one"]


async def test_a_time_is_kept_to_the_microsecond_wherever_the_server_is(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    time = 1_796_000_000_123_457
    monkeypatch.setenv("TZ", "Asia/Tokyo")

    await add(database, "one", create_time=time)

    assert await ask(database, select(responses.c.create_time)) == [time]
