"""Several streams as one: in order, no faster than they are read, and closed together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from funland_gateway.merging import merged


class Source:
    """A stream of pairs that tells what became of it."""

    def __init__(self, name: str, count: int, problem: Exception | None = None) -> None:
        self._name = name
        self._count = count
        self._problem = problem
        self.made = 0
        self.closed = False

    async def stream(self) -> AsyncGenerator[tuple[str, int]]:
        try:
            for number in range(self._count):
                await asyncio.sleep(0)
                self.made += 1
                yield self._name, number
            if self._problem is not None:
                raise self._problem
        finally:
            self.closed = True


@pytest.mark.parametrize("names", ["a", "abc"])
async def test_each_streams_items_come_in_their_order(names: str) -> None:
    sources = [Source(name, 20) for name in names]

    items = [item async for item in merged([source.stream() for source in sources])]

    assert len(items) == 20 * len(names)
    for wanted in names:
        assert [number for name, number in items if name == wanted] == list(range(20))


@pytest.mark.parametrize("others", [0, 2])
async def test_a_failure_ends_all_of_them(others: int) -> None:
    failing = Source("x", 2, ValueError("No."))
    sources = [failing, *(Source("y", 1_000_000) for _ in range(others))]

    with pytest.raises(ValueError, match="No"):
        async for _ in merged([source.stream() for source in sources]):
            pass

    assert all(source.closed for source in sources)


@pytest.mark.parametrize("count", [1, 3])
async def test_closing_it_closes_all_of_them(count: int) -> None:
    sources = [Source(str(number), 1_000_000) for number in range(count)]

    async with aclosing(merged([source.stream() for source in sources])) as items:
        await anext(items)
        await anext(items)

    assert all(source.closed for source in sources if source.made)
    assert any(source.made for source in sources)


async def test_a_reader_that_rests_holds_all_of_them_up() -> None:
    sources = [Source("a", 1_000_000), Source("b", 1_000_000)]

    async with aclosing(merged([source.stream() for source in sources])) as items:
        await anext(items)
        for _ in range(1000):
            await asyncio.sleep(0)

        assert sum(source.made for source in sources) <= 5
