"""How many plugins are executed at once: whoever comes first goes first."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from funland_server.live import Live
from funland_server.tasks.errors import LaneFullError


class Places:
    """Those of one server, for calls and tasks alike."""

    def __init__(self, limit: Live[int], waiting_limit: Live[int]) -> None:
        self._limit = limit
        self._waiting_limit = waiting_limit
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        limit.tell(lambda _: self._next())

    @asynccontextmanager
    async def one(self) -> AsyncGenerator[None]:
        """A place, when there is one. Raises LaneFullError if too many wait."""
        await self._take()
        try:
            yield
        finally:
            self._taken -= 1
            self._next()

    async def _take(self) -> None:
        if self._taken < self._limit.now and not self._waiting:
            self._taken += 1
            return
        if len(self._waiting) >= self._waiting_limit.now:
            raise LaneFullError("PLUGINS", self._waiting_limit.now)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it had its turn at the same moment
                self._taken -= 1
                self._next()
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def _next(self) -> None:
        while self._waiting and self._taken < self._limit.now:
            turn = self._waiting.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
