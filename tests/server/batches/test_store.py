"""The batches of a database, on either kind of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from funland.v1.batches_pb2 import Batch, CreateBatchRequest, ListBatchesRequest
from funland_server.batches.errors import BatchNotFoundError
from funland_server.batches.store import BatchStore
from funland_server.batches.tables import batches, unended
from funland_server.errors import FieldInvalidError
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from tests.server.storage.plans import plan

REQUEST = CreateBatchRequest(input_file_id="f", endpoint="/funland/v1/generate")


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    if isinstance(place, Path):
        place.parent.mkdir(parents=True, exist_ok=True)
    database = Database(place)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def store(database: Database) -> BatchStore:
    return BatchStore(database, "here")


def batch(name: str, second: int = 1, state: Batch.State.ValueType = Batch.VALIDATING) -> Batch:
    made = Batch(batch_id=name, task_id=f"task-{name}", state=state, endpoint=REQUEST.endpoint)
    made.create_time.FromSeconds(second)
    made.metadata["a"] = "\0\1 b"  # which no text of PostgreSQL's has
    return made


async def add(store: BatchStore, *made: Batch) -> None:
    for one in made:
        await store.add(one, REQUEST)


async def test_a_batch_is_kept_as_it_is_with_its_request_and_its_home(store: BatchStore) -> None:
    await add(store, batch("a"))

    kept = await store.get("a")

    assert (kept.batch, kept.request, kept.home_id) == (batch("a"), REQUEST, "here")
    assert await store.of_task("task-a") == batch("a")
    assert await store.of_task("task-b") is None


async def test_a_batch_that_is_not_there_is_not_found(store: BatchStore) -> None:
    for asked in (store.get("a"), store.change("a", lambda _: True)):
        with pytest.raises(BatchNotFoundError):
            await asked
    await store.remove("a")  # twice is no error


async def test_a_change_that_says_no_is_not_written(store: BatchStore) -> None:
    await add(store, batch("a"))

    def end(made: Batch) -> bool:
        made.state = Batch.COMPLETED
        return False

    await store.change("a", end)

    assert (await store.get("a")).batch.state == Batch.VALIDATING


async def test_changes_that_come_at_once_all_count(store: BatchStore) -> None:
    await add(store, batch("a"))

    def answer(made: Batch) -> bool:
        made.completed_lines += 1
        return True

    await asyncio.gather(*(store.change("a", answer) for _ in range(20)))

    assert (await store.get("a")).batch.completed_lines == 20


async def test_a_home_has_its_own_that_have_not_ended(
    store: BatchStore, database: Database
) -> None:
    ended = (Batch.COMPLETED, Batch.FAILED, Batch.EXPIRED, Batch.CANCELLED)
    running = (Batch.VALIDATING, Batch.IN_PROGRESS, Batch.FINALIZING, Batch.CANCELLING)
    for state in (*ended, *running):
        await add(store, batch(Batch.State.Name(state), state=state))
    await add(BatchStore(database, "there"), batch("others"))

    assert {one.state for one in await store.unended()} == set(running)
    assert {one.state for one in await store.all()} == {*ended, *running}
    assert await store.of_task("task-others") is None


async def test_pages_have_the_newest_first_and_each_batch_once(store: BatchStore) -> None:
    names = ["a", "b", "c", "d", "e"]
    await add(store, *(batch(name, second=place // 2) for place, name in enumerate(names)))

    seen: list[str] = []
    token = ""
    while True:
        page = await store.page(ListBatchesRequest(page_size=2, page_token=token))
        seen += [one.batch_id for one in page.batches]
        assert page.total_size == 5
        if not (token := page.next_page_token):
            break

    assert seen == names[::-1]
    with pytest.raises(FieldInvalidError):
        await store.page(ListBatchesRequest(page_token="nobody's"))  # noqa: S106 - no secret


async def test_who_leaves_while_a_batch_is_kept_has_none(store: BatchStore) -> None:
    adding = asyncio.create_task(store.add(batch("a"), REQUEST))
    await asyncio.sleep(0)  # it has begun
    adding.cancel()

    with pytest.raises(asyncio.CancelledError):
        await adding
    with pytest.raises(BatchNotFoundError):
        await store.get("a")


async def test_those_that_have_not_ended_are_found_by_their_index(
    store: BatchStore, database: Database
) -> None:
    rows = [
        {
            "batch_id": f"{number}", "home_id": "here", "task_id": f"task-{number}",
            "create_time": number, "state": Batch.COMPLETED, "request": b"", "batch": b"",
        }
        for number in range(2000)
    ]  # fmt: skip

    async def write(connection: AsyncConnection) -> None:
        await connection.execute(insert(batches), rows)

    await database.write(write)
    await add(store, batch("a"))

    query = select(batches.c.batch).where(batches.c.home_id == "here", unended)
    found = await plan(database, query)

    assert found.indexes == {"batches_unended"}
    assert not found.reads_all
