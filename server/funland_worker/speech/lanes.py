"""Which texts' sentences are computed next."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Final

from funland_worker.media.turns import Turns

GRACE_SECONDS: Final = 0.05
"""For so long after its last sentence a call is taken to want the next."""
_NO_LIMIT: Final = 2**31


class Lanes:
    """So many sentences are computed at once. Those of calls go first, in the order in which they
    are asked for. Those of tasks have the lanes that are left by calls which want one: a call whose
    listener does not take what is spoken wants none."""

    def __init__(self, lanes: int, clock: Callable[[], float] = monotonic) -> None:
        """`clock` tells seconds."""
        self._lanes = lanes
        self._clock = clock
        self._turns = Turns(lanes, _NO_LIMIT, lambda: None)
        self._wanted: dict[int, float] = {}
        """Until when each call is taken to want a lane."""
        self._changed = asyncio.Event()
        """Set when that changes, and then another."""

    @asynccontextmanager
    async def turn(self, job: int, *, background: bool) -> AsyncGenerator[None]:
        """Waits for a lane, which a sentence of the job then has until the block ends."""
        if background:
            await self._room()
            async with self._turns.turn(background=True):
                yield
            return
        self._wanted[job] = math.inf
        try:
            async with self._turns.turn(background=False):
                yield
        finally:
            self._wanted[job] = self._clock() + GRACE_SECONDS
            self._change()

    def leave(self, job: int) -> None:
        """A job is over."""
        self._wanted.pop(job, None)
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _room(self) -> None:
        """Waits until calls leave a lane."""
        while seconds := seconds_to_room(self._wanted.values(), self._lanes, self._clock()):
            with suppress(TimeoutError):
                async with asyncio.timeout(None if math.isinf(seconds) else seconds):
                    await self._changed.wait()


def seconds_to_room(wanted: Iterable[float], lanes: int, now: float) -> float:
    """How long it is until one of so many lanes is left, if nothing changes; infinite if it never
    is. `wanted` has until when each call wants one."""
    still = sorted(until for until in wanted if until > now)
    return still[len(still) - lanes] - now if len(still) >= lanes else 0.0
