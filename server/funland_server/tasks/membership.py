"""This server among those that share the tasks: it says that it lives, and sees who does not."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog

from funland_server.errors import FunlandError
from funland_server.live import Live
from funland_server.tasks.clock import Clock
from funland_server.tasks.servers import Sign, Watch
from funland_server.tasks.store import TaskStore

logger = structlog.get_logger(__name__)

_SHARE: Final = 3
"""A lease has time for so many signs of life."""


class Membership:
    """A lease on all tasks of a server, held by signs of life. Others take a server for dead that
    gives none for a lease, by their own clocks; it itself does so a little earlier."""

    def __init__(
        self, store: TaskStore, home_id: str, lease_seconds: Live[float], clock: Clock
    ) -> None:
        self._store = store
        self.home_id = home_id
        self._lease = lease_seconds
        self._clock = clock
        self._watch = Watch()
        self._signs: Mapping[str, Sign] = {}
        self._kinds: Collection[int] = ()
        self._last = 0.0
        self._entered = False
        self._beating: asyncio.Task[None] | None = None
        self.server_id = _new_id(home_id)
        """Of this start; another one once others took this one for dead."""

    @property
    def lives(self) -> bool:
        """Whether the lease is held."""
        return self._entered and self._left > 0

    def others_that_know(self, kind: int) -> set[str]:
        """The homes of the other servers that live and know a kind."""
        others = (sign for one, sign in self._signs.items() if one != self.server_id)
        return {sign.home_id for sign in others if kind in sign.kinds}

    @property
    def known_kinds(self) -> set[int]:
        """Those that any server knows."""
        return {*self._kinds}.union(*(sign.kinds for sign in self._signs.values()))

    @property
    def has_others(self) -> bool:
        """Whether there are more servers."""
        return any(one != self.server_id for one in self._signs)

    @property
    def _left(self) -> float:
        """For how many seconds it is held yet. Where there can't be others, nobody takes it."""
        if not self._store.shared:
            return self._lease.now
        return self._lease.now - (self._clock.monotonic() - self._last)

    async def enter(self, kinds: Collection[int]) -> list[str]:
        """Begins to hold it; gives the ids of tasks that earlier starts of the home had, which now
        wait again. `kinds` may change."""
        self._kinds = kinds
        begun = self._clock.monotonic()
        taken, self._signs = await self._store.enter(self.server_id, self.home_id, kinds)
        self._last = begun
        self._entered = True
        return taken

    def start(self, lost: Callable[[], None], taken: Callable[[list[str]], None]) -> None:
        """Holds it for ever. `lost` is called when it is not held any more, `taken` with the ids of
        tasks that were taken from those that are dead."""
        self._beating = asyncio.create_task(self._beat_for_ever(lost, taken))

    async def stop(self) -> None:
        """Gives it up; twice is no error."""
        if self._beating is not None:
            self._beating.cancel()
            await asyncio.wait([self._beating])
            self._beating = None
        if self._entered:
            self._entered = False
            try:
                await self._store.leave(self.server_id)
            except FunlandError as error:
                logger.warning("server_did_not_leave", error=error.message)

    async def beat(self, lost: Callable[[], None], taken: Callable[[list[str]], None]) -> None:
        """Gives one sign of life, and looks for those of others."""
        begun = self._clock.monotonic()
        signs = None
        if self.lives:
            signs = await self._store.beat(self.server_id, self._kinds)
        if signs is None:
            lost()
            logger.warning("lease_lost", server_id=self.server_id)
            self.server_id = _new_id(self.home_id)
            taken(await self.enter(self._kinds))
            return
        self._last = begun
        self._signs = signs
        dead = self._watch.dead(signs, begun, self._lease.now)
        others = {one: signs[one].beats for one in dead if one != self.server_id}
        if not others and not await self._store.has_orphans():
            return
        if back := await self._store.take_back(others):
            logger.warning("tasks_taken_back", tasks=len(back), servers=len(others))
            taken(back)

    async def _beat_for_ever(
        self, lost: Callable[[], None], taken: Callable[[list[str]], None]
    ) -> None:
        while True:
            pause = self._lease.now / _SHARE
            # One that hangs must not keep this server from seeing that its lease is over.
            beat = asyncio.create_task(self.beat(lost, taken))
            try:
                while not beat.done():
                    held = self.lives
                    await asyncio.wait([beat], timeout=self._left if held else None)
                    if held and not self.lives:
                        lost()
            finally:
                beat.cancel()
                await asyncio.wait([beat])
            _report(beat)
            await asyncio.sleep(min(pause, self._left) if self.lives else pause)


def _report(beat: asyncio.Task[None]) -> None:
    error = None if beat.cancelled() else beat.exception()
    if isinstance(error, FunlandError):
        logger.warning("no_sign_of_life", error=error.message)
    elif error is not None:
        logger.error("no_sign_of_life", exc_info=error)


def _new_id(home_id: str) -> str:
    return f"{home_id}.{secrets.token_hex(8)}"
