"""Carries out together what is asked for while the last was carried out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, TypeVar

from funland_server.errors import FunlandError

T = TypeVar("T")
R = TypeVar("R")

_MOST: Final = 256
"""In one transaction, which others wait for."""

Carry = Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]]
"""Carries out several, and gives for each what came of it, in their order. A FunlandError that it
raises is told to all; for any other each is carried out alone."""


class Gathering(Generic[T, R]):
    """One transaction for all that come while another is under way: a commit takes longer than all
    else of it."""

    def __init__(self, carry: Carry[T, R]) -> None:
        self._carry = carry
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []
        self._carrying: asyncio.Task[None] | None = None

    async def put(self, one: T) -> R:
        """Has one carried out, and gives what came of it. For a caller that is cancelled before it
        is begun it is not; later it is, all the same."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((one, future))
        if self._carrying is None:
            self._carrying = asyncio.create_task(self._carry_all())
        return await future

    async def settled(self) -> None:
        """Returns when nothing is under way."""
        if self._carrying is not None:
            await asyncio.wait([self._carrying])

    async def _carry_all(self) -> None:
        while self._waiting:
            group = [each for each in self._waiting[:_MOST] if not each[1].cancelled()]
            del self._waiting[:_MOST]
            if group:
                await self._carry_group(group)
        self._carrying = None

    async def _carry_group(self, group: Sequence[tuple[T, asyncio.Future[R]]]) -> None:
        try:
            came = await self._carry([one for one, _ in group])
        except Exception as error:
            if len(group) > 1 and not isinstance(error, FunlandError):
                # What is wrong with one is not to become of the others.
                for each in group:
                    await self._carry_group([each])
                return
            came = [error] * len(group)
        for (_, future), what in zip(group, came, strict=True):
            if future.done():  # its caller is gone
                continue
            if isinstance(what, Exception):
                future.set_exception(what)
            else:
                future.set_result(what)
