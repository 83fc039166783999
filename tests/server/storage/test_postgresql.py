"""PostgreSQL: servers that can't be used, go away and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any

import asyncpg
import pytest
from sqlalchemy import insert, select, text, update

from funland_server.errors import StartError
from funland_server.responses.tables import responses
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from funland_server.storage.errors import StorageFullError, StorageUnavailableError
from tests import postgresql as postgresql_server
from tests.postgresql import Cluster
from tests.server.storage.test_database import add, ask, names


@pytest.fixture(scope="module")
def own() -> Iterator[Cluster]:
    """One that is stopped and killed here."""
    with postgresql_server.cluster() as cluster:
        yield cluster


@pytest.fixture
async def database(postgresql: Cluster) -> AsyncIterator[Database]:
    database = Database(postgresql.database())
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def fragile(own: Cluster) -> AsyncIterator[Database]:
    """A database whose server may be ended."""
    own.start()
    database = Database(own.database())
    await database.open()
    yield database
    await database.close()


def nobody_there(cluster: Cluster) -> str:
    return cluster.url("x").replace(f":{cluster.port}", ":1")


def no_such_database(cluster: Cluster) -> str:
    return cluster.url("nowhere")


def no_such_user(cluster: Cluster) -> str:
    return cluster.database().replace("funland:", "nobody:")


def other_encoding(cluster: Cluster) -> str:
    return cluster.database("--encoding", "LATIN1", "--template", "template0")


@pytest.mark.parametrize(
    ("place", "told"),
    [
        (nobody_there, "Connect call failed"),
        (no_such_database, 'database "nowhere" does not exist'),
        (no_such_user, 'role "nobody" does not exist'),
        (other_encoding, "LATIN1; make one with ENCODING 'UTF8'"),
    ],
)
async def test_what_cannot_be_used_stops_the_start_and_the_password_is_not_told(
    postgresql: Cluster, place: Callable[[Cluster], str], told: str
) -> None:
    database = Database(place(postgresql))

    with pytest.raises(StartError) as raised:
        await database.open()

    assert told in raised.value.message
    assert "postgresql://127.0.0.1:" in raised.value.message
    assert "unasked" not in f"{raised.value} {vars(database)}"


async def test_servers_that_start_at_once_migrate_once(postgresql: Cluster) -> None:
    url = postgresql.database()
    databases = [Database(url) for _ in range(4)]

    await asyncio.gather(*(database.open() for database in databases))

    await add(databases[0], "one")
    assert [await names(database) for database in databases] == [["one"]] * 4
    for database in databases:
        await database.close()


async def test_a_full_disk_is_named(database: Database) -> None:
    async def change(connection: AsyncConnection) -> None:
        await connection.execute(
            text("DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$")
        )

    with pytest.raises(StorageFullError):
        await database.write(change)


async def test_of_writers_in_each_others_way_one_is_undone_and_made_again(
    database: Database,
) -> None:
    await add(database, "one", "two")
    tries: list[str] = []
    both = asyncio.Barrier(2)

    async def count_up(connection: AsyncConnection, first: str, second: str) -> None:
        tries.append(first)
        for name in (first, second):
            await connection.execute(
                update(responses)
                .where(responses.c.response_id == name)
                .values(create_time=responses.c.create_time + 1)
            )
            if name == first and len(tries) <= 2:
                await both.wait()  # each has what the other wants

    await asyncio.gather(
        database.write(lambda connection: count_up(connection, "one", "two")),
        database.write(lambda connection: count_up(connection, "two", "one")),
    )

    assert len(tries) > 2  # who is made again may come before who waits, and both be there again
    assert await ask(database, select(responses.c.create_time)) == [2, 2]


async def sleep(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT pg_sleep(60)"))


async def add_and_sleep(connection: AsyncConnection) -> None:
    await connection.execute(
        insert(responses).values(
            response_id="lost", create_time=0, input=b"", output=b"", response=b""
        )
    )
    await sleep(connection)


async def compute(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT count(*) FROM generate_series(1, 20000000)"))


@pytest.mark.parametrize(("kind", "work"), [("read", sleep), ("write", add_and_sleep)])
async def test_a_server_that_is_killed_is_named_and_used_again_when_it_is_back(
    fragile: Database, own: Cluster, kind: str, work: Callable[[AsyncConnection], Awaitable[None]]
) -> None:
    await add(fragile, "one")
    caller = asyncio.create_task(getattr(fragile, kind)(work))
    await at_work(own.url("postgres"))

    await asyncio.to_thread(own.kill)
    with pytest.raises(StorageUnavailableError):
        await caller
    with pytest.raises(StorageUnavailableError):
        await names(fragile)
    await asyncio.to_thread(own.start)

    await add(fragile, "two")
    assert await names(fragile) == ["one", "two"]


@pytest.mark.parametrize("kind", ["read", "write"])
async def test_a_server_that_is_killed_while_it_computes_answers_or_is_named(
    fragile: Database, own: Cluster, kind: str
) -> None:
    """The process that computes outlives the server until it is done, and may answer or not."""
    caller = asyncio.create_task(getattr(fragile, kind)(compute))
    await at_work(own.url("postgres"))

    await asyncio.to_thread(own.kill)
    with suppress(StorageUnavailableError):
        await caller
    await asyncio.to_thread(own.start)

    await add(fragile, "two")
    assert await names(fragile) == ["two"]


async def test_a_server_that_was_started_anew_in_between_is_not_noticed(
    fragile: Database, own: Cluster
) -> None:
    await asyncio.gather(*(add(fragile, name) for name in "abc"))

    await asyncio.to_thread(own.stop)
    await asyncio.to_thread(own.start)

    await asyncio.gather(*(add(fragile, name) for name in "defgh"))
    assert await names(fragile) == list("abcdefgh")


async def at_work(url: str) -> None:
    """Waits until a server works at one of the long statements."""
    driver: Any = asyncpg  # it has no types
    server = await driver.connect(url)
    try:
        async with asyncio.timeout(120):
            while not await server.fetchval(  # noqa: ASYNC110 - the server tells nobody
                "SELECT count(*) FROM pg_stat_activity WHERE state = 'active'"
                " AND query ~ 'pg_sleep|generate_series' AND pid <> pg_backend_pid()"
            ):
                await asyncio.sleep(0.01)
    finally:
        await server.close()
