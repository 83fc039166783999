"""A timeout for a task that makes many short steps."""

from __future__ import annotations

import asyncio
from typing import Any, Self


class StepTimeout:
    """`asyncio.timeout` for steps that each must end by a time; between them none passes.

    A timer for each step costs a sixth of what a token costs the server. This one has a single
    timer: when it fires, it looks whether a step runs, and until when it may.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)
        self._timer: asyncio.TimerHandle | None = None
        self._end: float | None = None

    def begin(self, end: float) -> None:
        """A step begins that must be over at `end`, in the loop's time, and not before the end that
        the step before it had."""
        self._end = end
        if self._timer is None:
            self._timer = self._loop.call_at(end, self._look)

    def over(self) -> None:
        """The step is over."""
        self._end = None
        if self._timeout.when() is not None:  # its end is past, but nobody has been told yet
            self._timeout.reschedule(None)

    async def __aenter__(self) -> Self:
        """Until the block ends, steps may begin."""
        await self._timeout.__aenter__()
        return self

    async def __aexit__(self, *error: Any) -> None:
        """Raises TimeoutError if a step took too long."""
        if self._timer is not None:
            self._timer.cancel()
        await self._timeout.__aexit__(*error)

    def _look(self) -> None:
        self._timer = None
        if self._end is None:
            return
        if self._end > self._loop.time():
            self._timer = self._loop.call_at(self._end, self._look)
        else:
            self._timeout.reschedule(self._end)
