"""Watchers learn of every change, a slow one of each model once."""

from __future__ import annotations

import asyncio

import pytest

from funland_server.changes import Changes
from funland_server.errors import ServerStoppingError

SECONDS = 120


async def test_a_slow_watcher_learns_of_each_model_once() -> None:
    changes = Changes()
    watch = changes.watch()
    assert await anext(watch) == ""

    for model in ("a", "b", "a"):
        changes.publish(model)

    assert [await anext(watch), await anext(watch)] == ["a", "b"]
    changes.publish("c")
    assert await anext(watch) == "c"


async def test_every_watcher_learns_of_a_change() -> None:
    changes = Changes()
    watches = [changes.watch() for _ in range(3)]
    for watch in watches:
        await anext(watch)

    changes.publish("a")

    assert [await anext(watch) for watch in watches] == ["a", "a", "a"]


async def test_closing_ends_watching_whenever_it_began() -> None:
    changes = Changes()
    before, after = changes.watch(), changes.watch()
    await anext(before)
    waiting = asyncio.ensure_future(anext(before))

    changes.close()
    await anext(after)

    async with asyncio.timeout(SECONDS):
        for watch in (waiting, anext(after)):
            with pytest.raises(ServerStoppingError):
                await watch


async def test_who_left_is_not_told() -> None:
    changes = Changes()
    watch = changes.watch()
    await anext(watch)

    await watch.aclose()
    changes.publish("a")

    with pytest.raises(StopAsyncIteration):
        await anext(watch)
