"""A disk without room for what is said: SQLite's own limit on a real database, and what is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import aclosing, closing
from typing import Any

import pytest
from sqlalchemy import Engine, event

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.sessions_pb2 import SessionEvent, SessionMessage
from funland_server.app import Server
from tests.server.chat.calls import (
    ENDLESS,
    begun,
    cancel,
    create,
    get,
    kept,
    message,
    messages,
    reason,
    send,
    stream,
    watch,
)
from tests.server.conftest import until

PAGES = 160
"""The server's database may have so many pages of 4 KiB; another program's connection any."""


@pytest.fixture(autouse=True)
def small_disk() -> Iterator[None]:
    def limit(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {PAGES}")

    event.listen(Engine, "connect", limit)
    yield
    event.remove(Engine, "connect", limit)


async def test_what_cannot_be_kept_is_not_said(own_server: Server) -> None:
    server = own_server
    session = await create(server)
    fill(server)

    assert await reason(send(server, session, "Hi")) == "STORAGE_FULL"

    free(server)
    assert (await get(server, session)).message_count == 0
    assert (await send(server, session, "Hi")).answer.state == SessionMessage.INCOMPLETE


async def test_an_answer_whose_end_cannot_be_kept_fails_until_there_is_room(
    own_server: Server,
) -> None:
    server = own_server
    session = await create(server, ENDLESS)
    events = stream(server, session, "Hi")
    answer = await begun(events)
    fill(server)

    shown = await cancel(server, session, answer)
    told: list[SessionEvent] = []

    async def read() -> None:
        async for one in events:
            told.append(one)

    failed = await reason(read())
    async with aclosing(watch(server, session, after=told[-1].number - 1)) as watching:
        await anext(watching)
        watched = (await anext(watching)).message
    (_, listed) = (await messages(server, session)).messages
    on_the_disk = kept(server, session)[-1][0]
    free(server)

    assert failed == "STORAGE_FULL"
    assert shown.error.reason == ErrorReason.STORAGE_FULL
    assert shown.message.content
    assert shown == told[-1].message == watched == listed
    assert on_the_disk == SessionMessage.IN_PROGRESS
    await until(lambda: kept(server, session)[-1][0] == SessionMessage.FAILED)
    assert await message(server, session, answer) == shown


def fill(server: Server) -> None:
    """Makes the database as large as the server may have it, and writing of a message need more."""
    with closing(sqlite3.connect(server.settings.now.home / "funland.sqlite3")) as database:
        database.execute("CREATE TABLE filler (bytes BLOB NOT NULL)")
        database.execute("INSERT INTO filler VALUES (zeroblob(?))", (PAGES * 4096,))
        for change in ("INSERT", "UPDATE"):
            what = "INSERT INTO filler VALUES (zeroblob(409600))"
            database.execute(
                f"CREATE TRIGGER fill_{change} AFTER {change} ON session_messages BEGIN {what}; END"
            )
        database.commit()


def free(server: Server) -> None:
    """Gives the room back."""
    with closing(sqlite3.connect(server.settings.now.home / "funland.sqlite3")) as database:
        for change in ("INSERT", "UPDATE"):
            database.execute(f"DROP TRIGGER fill_{change}")
        database.execute("DROP TABLE filler")
        database.commit()
