"""Whose turn it is of the jobs that wait for a model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError


class Turns:
    """So many jobs run at once. Those that nobody waits for begin when no others do; beyond that,
    who came first goes first."""

    def __init__(self, slots: int, limit: int, changed: Callable[[], None]) -> None:
        """At most `limit` wait; `changed` is called when it is others that run or wait."""
        self._slots = slots
        self._limit = limit
        self._changed = changed
        self._live: deque[asyncio.Future[None]] = deque()
        self._background: deque[asyncio.Future[None]] = deque()
        self.running = 0
        """How many run."""

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._live) + len(self._background)

    @asynccontextmanager
    async def turn(self, *, background: bool) -> AsyncGenerator[None]:
        """Waits for one's turn, which ends with the block.

        Raises:
            EngineError: QUEUE_FULL.
        """
        if self.running < self._slots and not self.waiting:
            self.running += 1
        else:
            await self._wait(self._background if background else self._live)
        self._changed()
        try:
            yield
        finally:
            self.running -= 1
            self._begin()
            self._changed()

    async def _wait(self, queue: deque[asyncio.Future[None]]) -> None:
        if self.waiting >= self._limit:
            raise EngineError(
                ErrorReason.QUEUE_FULL,
                f"{self._limit} jobs wait for the model already.",
                queue_limit=str(self._limit),
            )
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(mine)
        self._changed()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():  # it was let in, and does not come
                self.running -= 1
                self._begin()
            else:
                queue.remove(mine)
            self._changed()
            raise

    def _begin(self) -> None:
        """Lets in as many as have room."""
        while self.running < self._slots and self.waiting:
            queue = self._live or self._background
            queue.popleft().set_result(None)
            self.running += 1
