"""Several streams as one: in order, no faster than they are read, and closed together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from funland_gateway.merging import merged


class Source:
    """A stream of numbers that tells what became of it."""

    def __init__(self, count: int, problem: Exception | None = None) -> None:
        self._count = count
        self._problem = problem
        self.made = 0
        self.closed = False

    @asynccontextmanager
    async def stream(self) -> AsyncGenerator[AsyncIterator[int]]:
        try:
            yield self._items()
        finally:
            self.closed = True

    async def _items(self) -> AsyncGenerator[int]:
        for item in range(self._count):
            await asyncio.sleep(0)
            self.made += 1
            yield item
        if self._problem is not None:
            raise self._problem


@pytest.mark.parametrize("count", [1, 3])
async def test_each_streams_items_come_in_their_order(count: int) -> None:
    sources = [Source(20) for _ in range(count)]

    items = [item async for item in merged([source.stream() for source in sources])]

    assert len(items) == 20 * count
    for wanted in range(count):
        assert [item for number, item in items if number == wanted] == list(range(20))


@pytest.mark.parametrize("others", [0, 2])
async def test_a_failure_ends_all_of_them(others: int) -> None:
    failing = Source(2, ValueError("No."))
    sources = [failing, *(Source(1_000_000) for _ in range(others))]

    with pytest.raises(ValueError, match="No"):
        async for _ in merged([source.stream() for source in sources]):
            pass

    assert all(source.closed for source in sources)


async def test_none_passes_another_that_waits() -> None:
    sources = [Source(1000), Source(10)]

    async with aclosing(merged([source.stream() for source in sources])) as items:
        first = [(await anext(items))[0] for _ in range(20)]

    assert first.count(1) >= 9


@pytest.mark.parametrize("count", [1, 3])
async def test_closing_it_closes_all_of_them(count: int) -> None:
    sources = [Source(1_000_000) for _ in range(count)]

    async with aclosing(merged([source.stream() for source in sources])) as items:
        await anext(items)
        await anext(items)

    assert all(source.closed for source in sources if source.made)
    assert any(source.made for source in sources)


async def test_a_reader_that_rests_holds_all_of_them_up() -> None:
    sources = [Source(1_000_000), Source(1_000_000)]

    async with aclosing(merged([source.stream() for source in sources])) as items:
        await anext(items)
        for _ in range(1000):
            await asyncio.sleep(0)

        assert sum(source.made for source in sources) <= 5
