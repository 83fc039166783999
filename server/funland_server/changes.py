"""Tells who watches what has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from funland_server.errors import ServerStoppingError


class Changes:
    """Ids of what changed, for any number of watchers.

    A watcher that is slow finds each id once, however often it changed meanwhile.
    """

    def __init__(self) -> None:
        self._pending: set[_Pending] = set()
        self._closed = False

    def publish(self, changed_id: str) -> None:
        """Tells all watchers."""
        for pending in self._pending:
            pending.add(changed_id)

    def close(self) -> None:
        """Ends all watching with ServerStoppingError."""
        self._closed = True
        for pending in self._pending:
            pending.wake.set()

    async def watch(self) -> AsyncGenerator[str]:
        """Ids as they change, from the first `anext` on, which gives an empty one at once.

        Raises:
            ServerStoppingError: The server stops.
        """
        pending = _Pending()
        self._pending.add(pending)
        try:
            yield ""
            while True:
                if not self._closed:
                    await pending.wake.wait()
                if self._closed:
                    raise ServerStoppingError
                for changed_id in pending.take():
                    yield changed_id
        finally:
            self._pending.discard(pending)


class _Pending:
    def __init__(self) -> None:
        self.wake = asyncio.Event()
        self._ids: dict[str, None] = {}

    def add(self, changed_id: str) -> None:
        self._ids[changed_id] = None
        self.wake.set()

    def take(self) -> list[str]:
        ids = list(self._ids)
        self._ids.clear()
        self.wake.clear()
        return ids
