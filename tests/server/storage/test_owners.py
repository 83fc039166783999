"""What a server looks after, it looks after for ever."""

from __future__ import annotations

import asyncio

from funland_server.errors import ServerStoppingError
from funland_server.storage.owners import Every


async def test_what_fails_is_done_again_until_it_is_closed() -> None:
    done: list[int] = []
    enough = asyncio.Event()

    async def fail() -> None:
        done.append(len(done))
        if len(done) == 1:
            raise ServerStoppingError
        if len(done) == 2:
            raise ValueError("a defect")
        enough.set()

    every = Every(0.0, fail)
    every.start()
    await asyncio.wait_for(enough.wait(), 120)
    await every.close()
    before = len(done)
    await asyncio.sleep(0)
    await every.close()

    assert len(done) == before
