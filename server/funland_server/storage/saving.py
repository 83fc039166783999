"""Writes what changes into the database, and again where that fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Generic, Protocol, TypeVar

from funland_server.errors import FunlandError

_AGAIN_SECONDS: Final = 1.0


class Saved(Protocol):
    """What is saved as a whole, as it then is."""

    saving: asyncio.Lock
    unsaved: bool


T = TypeVar("T", bound=Saved)


class Saving(Generic[T]):
    """Saves things of one kind."""

    def __init__(
        self, write: Callable[[T], Awaitable[None]], complain: Callable[[T, FunlandError], None]
    ) -> None:
        """`write` puts one into the database; `complain` is told of one that has to wait."""
        self._write = write
        self._complain = complain
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def save(self, one: T) -> None:
        """Saves one; raises FunlandError if the database can't."""
        async with one.saving:
            one.unsaved = False
            try:
                await self._write(one)
            except BaseException:
                one.unsaved = True
                raise

    def save_soon(self, one: T) -> None:
        """Has one saved. What the database has no room for is saved when it has."""
        one.unsaved = True
        task = asyncio.create_task(self._save_until_it_is(one))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self, every: Iterable[T]) -> None:
        """Saves what is not saved yet, as far as the database can. Nothing may change any more."""
        self._stopping = True
        if self._tasks:
            await asyncio.wait([*self._tasks])
        for one in every:
            if one.unsaved:
                with contextlib.suppress(FunlandError):
                    await self.save(one)

    async def _save_until_it_is(self, one: T) -> None:
        told = False
        while one.unsaved:
            try:
                await self.save(one)
            except FunlandError as error:
                if not told:
                    self._complain(one, error)
                told = True
                if self._stopping:
                    return
                await asyncio.sleep(_AGAIN_SECONDS)
