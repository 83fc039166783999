"""A disk without room for responses: SQLite's own limit on a real database, and what is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from sqlalchemy import Engine, event

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.responses_pb2 import Response
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import details
from tests.server.responses.calls import ENDLESS, create, ended, get, kept, writes

PAGES = 160
"""The server's database may have so many pages of 4 KiB; another program's connection any."""
LARGE = {str(number): "x" * 512 for number in range(16)}
"""More than the pages that are there already have room for."""


@pytest.fixture(autouse=True)
def small_disk() -> Iterator[None]:
    def limit(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {PAGES}")

    event.listen(Engine, "connect", limit)
    yield
    event.remove(Engine, "connect", limit)


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    return ServerSettings(home=tmp_path / "home", port=0, slots=4, max_context_length=1024)


async def test_what_cannot_be_kept_fails_and_says_so(
    server: Server, settings: ServerSettings
) -> None:
    first = await create(server)
    fill(settings)

    for background in (False, True):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await create(server, background=background, metadata=LARGE)
        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert details(raised.value)["ErrorInfo"].reason == "STORAGE_FULL"

    assert await get(server, first.response_id) == first
    free(settings)
    await create(server, metadata=LARGE)
    assert len(kept(settings)) == 2


async def test_a_response_whose_end_cannot_be_kept_fails_until_there_is_room(
    server: Server, settings: ServerSettings
) -> None:
    # With all their tokens' likelihoods, the end takes more pages than the beginning.
    response = await create(server, background=True, sampling=ENDLESS, top_logprobs=20)
    name = response.response_id
    await writes(server, name)
    fill(settings)

    failed = await ended(server, name)

    assert failed.error.reason == ErrorReason.STORAGE_FULL
    assert await get(server, name) == failed
    assert kept(settings) == [Response.QUEUED]
    free(settings)
    after = await create(server, background=True)
    await ended(server, after.response_id)
    assert kept(settings) == [Response.FAILED, Response.INCOMPLETE]
    assert await get(server, name) == failed


def fill(settings: ServerSettings) -> None:
    """Makes the database as large as the server may have it."""
    with closing(sqlite3.connect(settings.home / "funland.sqlite3")) as database:
        database.execute("CREATE TABLE filler (bytes BLOB NOT NULL)")
        database.execute("INSERT INTO filler VALUES (zeroblob(?))", (PAGES * 4096,))
        database.commit()


def free(settings: ServerSettings) -> None:
    """Gives the room back."""
    with closing(sqlite3.connect(settings.home / "funland.sqlite3")) as database:
        database.execute("DROP TABLE filler")
        database.commit()
