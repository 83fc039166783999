"""Whose unfinished rows are, in a database that several servers may share: each minds its own
home's, and those of a home that has not come back for a day."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from sqlalchemy import ColumnElement, and_, or_

from funland_server.errors import FunlandError

logger = structlog.get_logger(__name__)

ABANDONED_AFTER: Final = 24 * 3600 * 10**6
"""Microseconds after which what another home's server began is taken to be left."""
HOUR: Final = 3600.0
"""In seconds: so often a server that runs looks for what others left."""


def now() -> int:
    """Microseconds since 1970, as all times of rows."""
    return time.time_ns() // 1000


def left_at_start(
    home_id: str, owner: ColumnElement[str], began: ColumnElement[int], time: int
) -> ColumnElement[bool]:
    """Whether an unfinished row is nobody's at work, for a server of `home_id` that starts at a
    time: its own home's are, and those from before rows had owners."""
    return or_(owner.in_(("", home_id)), began < time - ABANDONED_AFTER)


def left_by_others(
    home_id: str, owner: ColumnElement[str], began: ColumnElement[int], time: int
) -> ColumnElement[bool]:
    """The same for a server that runs: its own it minds by itself."""
    return and_(owner != home_id, began < time - ABANDONED_AFTER)


class Every:
    """Does something every so many seconds, as long as it is not closed."""

    def __init__(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        """Whatever it raises, it is done again the next time."""
        self._seconds = seconds
        self._work = work
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Does it so many seconds from now for the first time."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Ends it, amid the work if need be. Closing twice is no error."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            try:
                await self._work()
            except FunlandError as error:
                logger.warning("not_looked_after", reason=error.message)
            except Exception:
                logger.exception("not_looked_after")
