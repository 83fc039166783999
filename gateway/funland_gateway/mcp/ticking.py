"""What is told of a call's progress, and how often."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Any, Final

from funland_gateway.mcp.messages import Id, notification
from funland_gateway.mcp.tool import Progress

_PAUSE_SECONDS: Final = 0.2


class Ticker:
    """Makes the notifications of one call.

    Their number must grow each time, so what has shrunk or stands still is not told, and what can't
    be counted is counted by its news.
    """

    def __init__(self, token: Id, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds."""
        self._token = token
        self._clock = clock
        self._next = clock()
        self._told: float | None = None

    def tick(self, progress: Progress) -> dict[str, Any] | None:
        """The notification; None: it is too early for one, or there is no progress."""
        now = self._clock()
        done = progress.done if progress.done is not None else (self._told or 0) + 1
        if now < self._next or (self._told is not None and done <= self._told):
            return None
        self._next, self._told = now + _PAUSE_SECONDS, done
        params: dict[str, Any] = {"progressToken": self._token, "progress": done}
        if progress.total is not None:
            params["total"] = progress.total
        if progress.message:
            params["message"] = progress.message
        return notification("notifications/progress", params)
