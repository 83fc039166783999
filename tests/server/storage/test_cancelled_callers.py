"""A caller that is cancelled leaves no lock, no half of a transaction and no task behind."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, Engine, event, insert, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.util import await_only

from funland.v1.inference_pb2 import Message
from funland.v1.responses_pb2 import Response
from funland_server.live import Live
from funland_server.responses.store import ResponseStore
from funland_server.responses.tables import responses
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database

_SECONDS = 120.0  # no test waits for so long unless it fails


class Halt:
    """Stops a database before the next statement that begins with a word, until it may go on."""

    def __init__(self) -> None:
        self._words: list[str] = []
        self._reached = threading.Semaphore(0)
        self._go_on = threading.Semaphore(0)

    def at(self, *words: str) -> None:
        """One after the other."""
        self._words = list(words)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._reached.acquire, timeout=_SECONDS)

    def go_on(self) -> None:
        self._go_on.release()

    def see(self, statement: str) -> None:
        """For SQLite, in its own thread."""
        if self._comes(statement):
            self._go_on.acquire(timeout=_SECONDS)

    def see_in_loop(self, statement: str) -> None:
        """For PostgreSQL, where SQLAlchemy is about to send it."""
        if self._comes(statement):
            await_only(asyncio.to_thread(self._go_on.acquire, timeout=_SECONDS))

    def _comes(self, statement: str) -> bool:
        if not self._words or not statement.startswith(self._words[0]):
            return False
        del self._words[0]
        self._reached.release()
        return True


@pytest.fixture
def halt() -> Iterator[Halt]:
    halt = Halt()

    async def trace(driver: Any) -> None:
        if hasattr(driver, "set_trace_callback"):  # SQLite's
            await driver.set_trace_callback(halt.see)

    def watch(connection: Any, _record: Any) -> None:
        connection.run_async(trace)

    def see(word: str) -> Callable[..., None]:
        def listener(
            connection: Connection, _: Any = None, statement: str = word, *_more: Any
        ) -> None:
            if connection.dialect.name == "postgresql":
                halt.see_in_loop(statement)

        return listener

    listeners = {
        "connect": watch,
        "begin": see("BEGIN"),
        "before_cursor_execute": see(""),
        "commit": see("COMMIT"),
        "rollback": see("ROLLBACK"),
    }
    for name, listener in listeners.items():
        event.listen(Engine, name, listener)
    yield halt
    for name, listener in listeners.items():
        event.remove(Engine, name, listener)


@pytest.fixture
async def database(place: Path | str, halt: Halt) -> AsyncIterator[Database]:
    database = Database(place)
    await database.open()
    try:
        async with asyncio.timeout(_SECONDS):
            yield database
    finally:
        halt.go_on()  # a test that failed may have left it halted
        await database.close()


@asynccontextmanager
async def locked(place: Path | str) -> AsyncGenerator[None]:
    """Has another program hold a lock that writers need."""
    if isinstance(place, Path):
        with closing(sqlite3.connect(place, isolation_level=None)) as file:
            file.execute("BEGIN IMMEDIATE")
            yield
            file.execute("ROLLBACK")
    else:
        driver: Any = asyncpg  # it has no types
        server = await driver.connect(place)
        try:
            async with server.transaction():
                await server.execute("LOCK TABLE responses IN EXCLUSIVE MODE")
                yield
        finally:
            await server.close()


def adding(name: str) -> Callable[[AsyncConnection], Any]:
    async def add(connection: AsyncConnection) -> None:
        await connection.execute(
            insert(responses).values(
                response_id=name, create_time=0, input=b"", output=b"", response=b""
            )
        )

    return add


def removing(name: str) -> Callable[[AsyncConnection], Any]:
    async def remove(connection: AsyncConnection) -> None:
        await connection.execute(
            text("DELETE FROM responses WHERE response_id = :name"), {"name": name}
        )

    return remove


async def names(database: Database) -> list[str]:
    async def find(connection: AsyncConnection) -> list[str]:
        found = await connection.execute(text("SELECT response_id FROM responses ORDER BY 1"))
        return list(found.scalars())

    return await database.read(find)


async def by_one_cancel(caller: asyncio.Task[Any]) -> None:
    caller.cancel()


async def by_many_cancels(caller: asyncio.Task[Any]) -> None:
    for _ in range(3):
        caller.cancel()
        await asyncio.sleep(0)


@pytest.mark.parametrize("cancel", [by_one_cancel, by_many_cancels])
@pytest.mark.parametrize(
    ("word", "written"), [("BEGIN", []), ("INSERT", []), ("COMMIT", ["one"]), ("ROLLBACK", [])]
)
async def test_the_next_write_goes_through_wherever_the_one_before_was_cancelled(
    database: Database, halt: Halt, word: str, written: list[str], cancel: Callable[..., Any]
) -> None:
    async def change(connection: AsyncConnection) -> None:
        await adding("one")(connection)
        if word == "ROLLBACK":
            await adding("one")(connection)  # there is one of that name

    tasks = asyncio.all_tasks()
    halt.at(word)
    caller = asyncio.create_task(database.write(change))
    await halt.reached()
    next_caller = asyncio.create_task(database.write(adding("two")))

    await cancel(caller)
    assert "one" not in await names(database)  # a reader is not held up
    assert not caller.done()
    halt.go_on()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await next_caller

    assert await names(database) == [*written, "two"]
    assert asyncio.all_tasks() == tasks


async def test_a_deadline_that_passes_in_a_statement_is_a_timeout(
    database: Database, halt: Halt
) -> None:
    halt.at("INSERT")

    async def in_time() -> None:
        async with asyncio.timeout(_SECONDS) as deadline:
            deadlines.append(deadline)
            await database.write(adding("one"))

    deadlines: list[asyncio.Timeout] = []
    caller = asyncio.create_task(in_time())
    await halt.reached()
    deadlines[0].reschedule(0)
    await asyncio.sleep(0)
    halt.go_on()
    with pytest.raises(TimeoutError):
        await caller

    assert await names(database) == []


async def test_who_is_cancelled_while_others_write_writes_nothing(
    database: Database, halt: Halt
) -> None:
    halt.at("INSERT")
    first = asyncio.create_task(database.write(adding("one")))
    await halt.reached()
    waiting = asyncio.create_task(database.write(adding("two")))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    halt.go_on()
    await first

    assert await names(database) == ["one"]


@pytest.mark.parametrize("word", ["INSERT", "COMMIT"])
async def test_what_was_committed_for_a_caller_that_is_gone_is_given_back(
    database: Database, halt: Halt, word: str
) -> None:
    halt.at(word)
    caller = asyncio.create_task(database.write(adding("one"), give_back=removing("one")))
    await halt.reached()

    await by_many_cancels(caller)
    halt.go_on()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert await names(database) == []


async def test_what_was_committed_for_a_caller_that_waits_is_not_given_back(
    database: Database,
) -> None:
    await database.write(adding("one"), give_back=removing("one"))

    assert await names(database) == ["one"]


async def test_who_is_cancelled_in_giving_back_gives_back(database: Database, halt: Halt) -> None:
    halt.at("COMMIT", "DELETE")
    caller = asyncio.create_task(database.write(adding("one"), give_back=removing("one")))
    await halt.reached()
    caller.cancel()
    halt.go_on()
    await halt.reached()

    await by_many_cancels(caller)
    halt.go_on()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert await names(database) == []


async def test_a_read_that_is_cancelled_leaves_its_connection_whole(
    database: Database, halt: Halt
) -> None:
    tasks, threads = asyncio.all_tasks(), threading.active_count()
    halt.at("SELECT")
    caller = asyncio.create_task(names(database))
    await halt.reached()

    caller.cancel()
    await database.write(adding("one"))
    halt.go_on()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert await names(database) == ["one"]
    assert asyncio.all_tasks() == tasks
    assert threading.active_count() <= threads + 2  # one of asyncio's own, one for a connection


async def test_a_lock_of_another_program_is_waited_for_and_then_free(
    database: Database, place: Path | str, caplog: pytest.LogCaptureFixture
) -> None:
    async with locked(place):
        caller = asyncio.create_task(database.write(adding("one")))
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):  # it may or may not have come to its statement
                await asyncio.shield(caller)

        caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller

    await database.write(adding("two"))
    assert await names(database) == ["two"]
    assert not caplog.records  # drivers that are cancelled report what nobody waits for


async def test_an_error_is_told_to_who_is_there_and_passed_over_for_who_is_gone(
    database: Database, halt: Halt, caplog: pytest.LogCaptureFixture
) -> None:
    await database.write(adding("one"))
    with pytest.raises(IntegrityError):
        await database.write(adding("one"))

    halt.at("INSERT")
    caller = asyncio.create_task(database.write(adding("one")))
    await halt.reached()
    caller.cancel()
    halt.go_on()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert not caplog.records  # asyncio reports exceptions that nobody looked at


@pytest.mark.parametrize("word", ["INSERT", "COMMIT"])
async def test_a_response_is_not_kept_for_a_caller_that_is_gone(
    database: Database, halt: Halt, word: str
) -> None:
    store = ResponseStore(database, keep_days=Live(30), home_id="here")
    response = Response(response_id="one", metadata={"topic": "test"})
    response.create_time.GetCurrentTime()
    halt.at(word)

    caller = asyncio.create_task(store.add(response, [Message(content="Hello!")]))
    await halt.reached()
    caller.cancel()
    halt.go_on()
    with pytest.raises(asyncio.CancelledError):
        await caller

    assert await names(database) == []
    await store.add(response, [])  # of the first, nothing is in its way
