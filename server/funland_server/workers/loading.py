"""How far the load of a model is, for all who wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from funland.v1.inference_pb2 import Loading
from funland.worker.v1.worker_pb2 import LoadProgress

_PAUSE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a load is; see `funland.v1.Loading`."""

    stage: Loading.Stage.ValueType
    fraction: float | None = None
    waiting_for: str = ""
    waiting_for_models: tuple[str, ...] = ()

    def after(self, progress: LoadProgress) -> Standing:
        """How far it is with what its process says."""
        told = progress.fraction if progress.HasField("fraction") else None
        return Standing(Loading.PREPARING if progress.preparing else Loading.READING, told)


class Load:
    """The load of one model, from when it is asked for until it has ended, again and again.

    Changes of the stage are told at once, all else at most four times a second.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds."""
        self._clock = clock
        self.standing: Standing | None = None
        """None: nobody has asked for it since the latest ended."""
        self._changed: Callable[[], None] | None = None
        self._begin = 0.0
        self._told = -_PAUSE_SECONDS
        self._later: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()

    @property
    def waits_for(self) -> Standing | None:
        """How it stands, if it waits and it is known for what."""
        standing = self.standing
        return standing if standing is not None and standing.waiting_for else None

    @property
    def elapsed_ms(self) -> float:
        """Since it was asked for."""
        return 1e3 * (self._clock() - self._begin)

    def asked(self, changed: Callable[[], None]) -> None:
        """Somebody wants the model, and has `changed` called when it is further, but for its end.
        While one is under way nothing comes of another."""
        if self.standing is None:
            self._begin = self._clock()
            self._set(Standing(Loading.WAITING))
            self._changed = changed

    def waits(self, why: str = "", models: Sequence[str] = ()) -> None:
        """It can't begin yet, and why, and which models it waits for."""
        self._set(Standing(Loading.WAITING, None, why, tuple(models)))

    def starts(self) -> None:
        """Its process is started."""
        self._set(Standing(Loading.STARTING))

    def told(self, progress: LoadProgress) -> None:
        """Its process says how far it is."""
        if self.standing is not None:
            self._set(self.standing.after(progress))

    def ended(self) -> None:
        """It is loaded, or has failed. Ending it twice is no error."""
        self.standing = self._changed = None
        self._tell()

    async def watch(self, until: asyncio.Future[Any]) -> AsyncGenerator[Standing]:
        """How far it is, and then each time that it is further, until the future is done."""
        shown: Standing | None = None
        while not until.done():
            news = self._news
            if self.standing is not None and self.standing != shown:
                shown = self.standing
                yield shown
                continue
            waiting = asyncio.ensure_future(news.wait())
            await asyncio.wait({until, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()

    def _set(self, standing: Standing) -> None:
        before, self.standing = self.standing, standing
        if before == standing:
            return
        rest = self._told + _PAUSE_SECONDS - self._clock()
        if before is None or replace(standing, fraction=before.fraction) != before or rest <= 0:
            self._tell()
        elif self._later is None:
            self._later = asyncio.get_running_loop().call_later(rest, self._tell)

    def _tell(self) -> None:
        if self._later is not None:
            self._later.cancel()
            self._later = None
        self._told = self._clock()
        self._news.set()
        self._news = asyncio.Event()
        if self._changed is not None:
            self._changed()
