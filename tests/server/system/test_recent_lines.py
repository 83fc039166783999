"""The log's last lines, for who watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from funland_server.errors import ServerStoppingError
from funland_server.system.recent_lines import RecentLines

_log = logging.getLogger("tests.lines")


@pytest.fixture
async def lines() -> AsyncIterator[RecentLines]:
    _log.setLevel(logging.DEBUG)
    kept = RecentLines()
    kept.begin()
    yield kept
    kept.end()


async def watched(lines: RecentLines, count: int, *, last: int = 100, after: int = 0) -> list[str]:
    """The texts of the first `count` lines that a watcher is told."""
    async with aclosing(lines.watch(last, after)) as told:
        return [(await anext(told)).text.strip() for _ in range(count)]


async def test_the_last_lines_come_first_and_then_what_is_written(lines: RecentLines) -> None:
    for number in range(5):
        _log.info("line %d", number)

    async with aclosing(lines.watch(2, 0)) as told:
        first = [await anext(told) for _ in range(2)]
        await asyncio.to_thread(_log.warning, "from a thread")
        new = await anext(told)

    assert [line.text.split("[")[0].strip() for line in first] == ["line 3", "line 4"]
    assert (new.text.split("[")[0].strip(), new.level) == ("from a thread", "warning")
    assert first[0].number < first[1].number < new.number
    assert new.time.ToNanoseconds() > 0


async def test_who_knows_a_number_is_told_what_came_after_it(lines: RecentLines) -> None:
    _log.info("one")
    async with aclosing(lines.watch(100, 0)) as told:
        one = await anext(told)
    _log.error("two")

    assert (await watched(lines, 1, after=one.number))[0].startswith("two")


async def test_the_oldest_are_forgotten(lines: RecentLines) -> None:
    for number in range(1100):
        _log.debug("line %d", number)

    assert (await watched(lines, 1, last=1000))[0].startswith("line 100 ")


async def test_numbers_rise_over_restarts(lines: RecentLines) -> None:
    _log.info("before")
    async with aclosing(lines.watch(100, 0)) as told:
        before = (await anext(told)).number
    lines.end()
    later = RecentLines()
    later.begin()
    _log.info("after")

    async with aclosing(later.watch(100, 0)) as told:
        assert (await anext(told)).number > before
    later.end()


async def test_the_servers_stop_ends_a_watch(lines: RecentLines) -> None:
    async with aclosing(lines.watch(0, 0)) as told:
        waiting = asyncio.ensure_future(anext(told))
        lines.announce_stop()

        with pytest.raises(ServerStoppingError):
            await waiting
