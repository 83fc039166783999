"""Lets a reader look in a thread of its own, which nobody has to wait for."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import structlog

from funland_server.devices.readers.protocol import Look, Reader, ReaderError

logger = structlog.get_logger(__name__)

PATIENCE: Final = 1.0
"""How many seconds anybody waits for a reader."""

_LONGEST: Final = 15.0
"""How many seconds a look takes on a busy machine: the engines are asked by a program that loads
them all first."""


class Looking:
    """A reader's looks: one at a time, so that one that hangs holds one thread and no more.

    Threads are daemons: a driver that never answers does not keep the server from its end.
    """

    def __init__(self, reader: Reader, heard: Callable[[Looking], None]) -> None:
        """`heard` is called after each look, in the loop that `begin` was called in."""
        self.reader = reader
        self.look: Look | None = None
        """What was found last; None: nothing yet, or the last look failed."""
        self.problems: tuple[str, ...] = ()
        """What went wrong at the last look that ended."""
        self._heard = heard
        self._since: float | None = None
        self._again = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def seconds(self) -> float:
        """How long the look under way has taken; 0: none is."""
        return 0.0 if self._since is None else time.monotonic() - self._since

    @property
    def lateness(self) -> tuple[str, ...]:
        """What to say of a look that takes long: a sentence, or nothing."""
        if self.seconds < PATIENCE:
            return ()
        before = "" if self.look is None else "; what it told before is shown"
        return (f"It has not answered for {self.seconds:.0f} s{before}.",)

    @property
    def hangs(self) -> bool:
        """Whether the look under way takes longer than any that is well."""
        return self.seconds >= _LONGEST

    def begin(self, *, anew: bool = False) -> None:
        """Looks, or goes on with the look that is under way. `anew`: another one follows that."""
        if self._since is not None:
            self._again = self._again or anew
            return
        self._since = time.monotonic()
        self._idle.clear()
        thread = threading.Thread(
            target=self._work,
            args=(asyncio.get_running_loop(), anew),
            name=f"devices-{self.reader.name}",
            daemon=True,
        )
        thread.start()

    async def ended(self) -> None:
        """Waits until no look is under way."""
        await self._idle.wait()

    def _work(self, loop: asyncio.AbstractEventLoop, anew: bool) -> None:
        look, problems = None, ()
        try:
            look = self.reader.look(anew=anew)
        except ReaderError as error:
            problems = (str(error),)
        except Exception as error:
            logger.exception("reader_failed", reader=self.reader.name)
            problems = (f"It failed with {type(error).__name__}; the server's log has more.",)
        with suppress(RuntimeError):  # the server has stopped meanwhile
            loop.call_soon_threadsafe(self._end, look, problems)

    def _end(self, look: Look | None, problems: tuple[str, ...]) -> None:
        self.look = look
        self.problems = problems if look is None else look.problems
        self._since = None
        self._heard(self)
        if self._again:
            self._again = False
            self.begin(anew=True)
        else:
            self._idle.set()
