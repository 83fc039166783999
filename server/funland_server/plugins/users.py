"""Who waits for an execution of a plugin or has one, whatever its version: they end with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from funland_server.plugins.errors import PluginNotFoundError


class Users:
    """Those of one plugin."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[object]] = []
        self._sent_away: set[asyncio.Task[object]] = set()
        self._none = asyncio.Event()
        self.running = 0
        """How many executions run."""

    @asynccontextmanager
    async def one(self, plugin_id: str) -> AsyncGenerator[None]:
        """A block that ends with PluginNotFoundError when the plugin is removed."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self._tasks.append(task)
        try:
            yield
        except asyncio.CancelledError:
            if task in self._sent_away and not task.uncancel():
                raise PluginNotFoundError(plugin_id) from None
            raise
        finally:
            self._tasks.remove(task)
            self._sent_away.discard(task)
            if not self._tasks:
                self._none.set()

    async def send_away(self) -> None:
        """Ends all, and waits until they have."""
        for task in self._tasks:
            self._sent_away.add(task)
            task.cancel()
        if self._tasks:
            self._none.clear()
            await self._none.wait()
