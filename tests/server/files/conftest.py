"""Files of a test's own: the domain alone, with a clock that the test turns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from funland_server.blobs.store import Blobs
from funland_server.config import ServerSettings
from funland_server.files.domain import Files
from funland_server.live import Live
from funland_server.storage.database import Database


@dataclass(slots=True)
class Clock:
    """Tells the seconds that a test sets, in nanoseconds."""

    seconds: int = 1_700_000_000

    def __call__(self) -> int:
        return self.seconds * 10**9


Start = Callable[..., Awaitable[Files]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def start(place: Path | str, tmp_path: Path, clock: Clock) -> AsyncIterator[Start]:
    """Starts files in a home; those of several homes share the database."""
    async with AsyncExitStack() as started:

        async def begin(name: str = "home") -> Files:
            home = tmp_path / name
            home.mkdir(exist_ok=True)
            database = Database(place)
            await database.open()
            started.push_async_callback(database.close)
            settings = Live(ServerSettings(home=home))
            files = Files(settings, database, Blobs(home / "blobs"), clock)
            await files.start()
            started.push_async_callback(files.stop)
            return files

        yield begin


@pytest.fixture
async def files(start: Start) -> Files:
    return await start()
