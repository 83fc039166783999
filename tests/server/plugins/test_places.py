"""As many plugins are executed at once as may; the others wait in their order, and not too many."""

from __future__ import annotations

import asyncio

import pytest

from funland_server.live import Live
from funland_server.plugins.places import Places
from funland_server.tasks.errors import LaneFullError


class Users:
    """Those who want a place; each keeps it until it is told to go."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._go: dict[str, asyncio.Event] = {}
        self.inside: list[str] = []

    async def come(self, *names: str) -> None:
        for name in names:
            self._go[name] = asyncio.Event()
            self._tasks[name] = asyncio.create_task(self._stay(name))
        await self.settle()

    async def leave(self, name: str) -> None:
        self._go[name].set()
        await self.settle()

    async def give_up(self, name: str) -> None:
        self._tasks[name].cancel()
        await self.settle()

    async def leave_as_another_gives_up(self, name: str, other: str) -> None:
        self._go[name].set()
        while name in self.inside:  # noqa: ASYNC110 - its place is given on in that very step
            await asyncio.sleep(0)
        await self.give_up(other)

    def error(self, name: str) -> BaseException | None:
        return self._tasks[name].exception()

    async def settle(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)

    async def _stay(self, name: str) -> None:
        async with self._places.one():
            self.inside.append(name)
            try:
                await self._go[name].wait()
            finally:
                self.inside.remove(name)


@pytest.fixture
def limit() -> Live[int]:
    return Live(2)


@pytest.fixture
def users(limit: Live[int]) -> Users:
    return Users(Places(limit, Live(3)))


async def test_who_comes_first_goes_first(users: Users) -> None:
    await users.come("a", "b", "c", "d")
    assert users.inside == ["a", "b"]

    await users.leave("b")
    assert users.inside == ["a", "c"]
    await users.leave("a")
    assert users.inside == ["c", "d"]


async def test_who_gives_up_takes_no_place(users: Users) -> None:
    await users.come("a", "b", "c", "d")

    await users.give_up("c")
    await users.leave("a")

    assert users.inside == ["b", "d"]


async def test_who_gives_up_as_its_turn_comes_gives_it_on(users: Users) -> None:
    await users.come("a", "b", "c", "d")

    await users.leave_as_another_gives_up("a", "c")

    assert users.inside == ["b", "d"]


async def test_too_many_do_not_wait(users: Users) -> None:
    await users.come("a", "b", "c", "d", "e", "f")

    assert isinstance(users.error("f"), LaneFullError)
    assert users.inside == ["a", "b"]


async def test_a_higher_limit_counts_at_once(users: Users, limit: Live[int]) -> None:
    await users.come("a", "b", "c", "d")

    limit.put(3)
    await users.settle()

    assert users.inside == ["a", "b", "c"]
