"""The calls that are under way, for those who take one back."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from funland_gateway.mcp.messages import Id

Key = tuple[str, str, Id]
"""What the caller shows of who they are, their session, and the request's id in it."""


class Flights:
    """Calls of sessions. A session is known by an id that nobody else can guess, and only as long
    as a call of it is under way."""

    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Future[Any]] = {}
        self._cancelled: set[asyncio.Future[Any]] = set()

    @contextmanager
    def flying(self, key: Key | None, task: asyncio.Future[Any]) -> Generator[None]:
        """While a call is under way, its session may cancel it. Without a key nobody can."""
        if key is not None:
            self._tasks[key] = task
        try:
            yield
        finally:
            if key is not None and self._tasks.get(key) is task:
                del self._tasks[key]
            self._cancelled.discard(task)

    def cancel(self, key: Key) -> None:
        """Ends a call, if there is such a one."""
        task = self._tasks.get(key)
        if task is not None and task.cancel():
            self._cancelled.add(task)

    def was_cancelled(self, task: asyncio.Future[Any]) -> bool:
        """Whether a call under way ended since its session took it back."""
        return task in self._cancelled
