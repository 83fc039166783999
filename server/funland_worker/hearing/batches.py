"""The thread that a network runs on: what waits for the same step is computed together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Hashable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, Final, TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")

_LINGER: Final = 0.25
"""Of a step's time: how long one waits for those that are known to come."""
_LONGEST_LINGER: Final = 0.1
"""Seconds."""
_WEIGHT: Final = 0.25


@dataclass(slots=True, eq=False)
class _Entry:
    key: Hashable
    item: Any
    compute: Callable[[Sequence[Any]], Sequence[Any]]
    done: asyncio.Future[Any]
    most: int
    came: float = field(default_factory=monotonic)


def together(keys: Sequence[Hashable], most: int) -> list[int]:
    """Which of those that wait are computed next: at most so many that have the key of the first,
    by their places in the queue."""
    return [place for place, key in enumerate(keys) if key == keys[0]][:most]


def patience(ready: int, coming: int, most: int, *, waited: float, step: float) -> float:
    """For how many seconds to wait for others before so many are computed that are ready; `step` is
    how long a step took lately, in seconds, and 0 if that is not known."""
    if not coming or ready >= most:
        return 0.0
    return min(_LINGER * step, _LONGEST_LINGER) - waited


class Batches:
    """Its methods are for the event loop's thread."""

    def __init__(self, most: int) -> None:
        """At most so many are computed together."""
        self._most = most
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queue: list[_Entry] = []
        self._coming = 0
        self._step_seconds = 0.0
        self._begin: float | None = None
        self._wake = threading.Condition()

    @property
    def step_ms(self) -> float:
        """How long the step that runs now has taken, in milliseconds; 0 if none runs."""
        begin = self._begin
        return (monotonic() - begin) * 1000 if begin is not None else 0.0

    @contextmanager
    def coming(self) -> Generator[None]:
        """Says that something will be submitted soon, as long as the block takes."""
        with self._wake:
            self._coming += 1
        try:
            yield
        finally:
            with self._wake:
                self._coming -= 1
                self._wake.notify()

    async def run(
        self,
        key: Hashable,
        item: Item,
        compute: Callable[[Sequence[Item]], Sequence[Result]],
        most: int | None = None,
    ) -> Result:
        """What `compute` makes of an item, maybe together with others of the same key, `most` if
        fewer than elsewhere. A caller that is cancelled comes back when nothing of it is computed
        any more."""
        loop = self._started()
        most = min(most or self._most, self._most)
        entry = _Entry(key, item, compute, loop.create_future(), most)
        with self._wake:
            self._queue.append(entry)
            self._wake.notify()
        try:
            return cast("Result", await asyncio.shield(entry.done))
        except asyncio.CancelledError:
            if not self._dropped(entry):
                await asyncio.wait([entry.done])
                entry.done.exception()
            raise

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            run = partial(self._run, self._loop)
            threading.Thread(target=run, name="hearing", daemon=True).start()
        return self._loop

    def _dropped(self, entry: _Entry) -> bool:
        """Takes it out of the queue; whether it was there yet."""
        with self._wake:
            if entry not in self._queue:
                return False
            self._queue.remove(entry)
        return True

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            entries = self._next()
            self._begin = monotonic()
            try:
                results: Sequence[Any] = entries[0].compute([entry.item for entry in entries])
                outcomes = list(zip(entries, results, strict=True))
                failure = None
            except Exception as error:
                outcomes, failure = [], error
            took = monotonic() - self._begin
            self._begin = None
            before = self._step_seconds or took
            self._step_seconds = before + _WEIGHT * (took - before)
            loop.call_soon_threadsafe(_settle, entries, outcomes, failure)

    def _next(self) -> list[_Entry]:
        """Those that are computed next, when there are some."""
        with self._wake:
            while True:
                if not self._queue:
                    self._wake.wait()
                    continue
                most = self._queue[0].most
                places = together([entry.key for entry in self._queue], most)
                left = patience(
                    len(places),
                    self._coming,
                    most,
                    waited=monotonic() - self._queue[0].came,
                    step=self._step_seconds,
                )
                if left <= 0:
                    chosen = [self._queue[place] for place in places]
                    self._queue = [one for one in self._queue if one not in chosen]
                    return chosen
                self._wake.wait(left)


def _settle(
    entries: Sequence[_Entry],
    outcomes: Sequence[tuple[_Entry, Any]],
    failure: Exception | None,
) -> None:
    for entry, result in outcomes:
        entry.done.set_result(result)
    if failure is not None:
        for entry in entries:
            entry.done.set_exception(failure)
