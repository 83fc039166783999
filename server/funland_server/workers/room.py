"""Makes room for a model by unloading others that are idle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from funland_server.metrics import Metrics
from funland_server.workers.memory import Held, Memory
from funland_server.workers.place import Place
from funland_server.workers.spec import WorkerSpec
from funland_server.workers.worker import Worker

logger = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Guest:
    """A worker that is no model's own, from the moment on that it has room."""

    spec: WorkerSpec
    worker: Worker | None = None
    """None until it is loaded."""


class Room:
    """Sees to it that models fit into the memory before they are loaded."""

    def __init__(
        self,
        places: Mapping[str, Place],
        memory: Memory,
        metrics: Metrics,
        end: Callable[[Place, Worker], Awaitable[None]],
    ) -> None:
        """`end` unloads a model."""
        self._places = places
        self._memory = memory
        self._metrics = metrics
        self._end = end
        self._guests: set[Guest] = set()
        self._turn = asyncio.Lock()

    async def make(self, spec: WorkerSpec) -> None:
        """Keeps room for a model until `Memory.settle`.

        Raises:
            ModelTooLargeError: There is not enough, even without all that are idle. Then none was
                unloaded.
        """
        async with self._turn:  # what leaves for one is not taken by another
            leaving = self.plan(spec)
            self._memory.promise(spec)
            ends: list[Awaitable[None]] = []
            for held in leaving:
                place = self._places[held.model_id]
                if (worker := place.worker) is not None:
                    logger.info("model_evicted", model=place.model_id, by=spec.model_id)
                    self._metrics.evictions.labels(place.model_id).inc()
                    ends.append(self._end(place, worker))
            await asyncio.gather(*ends)

    @asynccontextmanager
    async def beside(self, spec: WorkerSpec) -> AsyncGenerator[Guest]:
        """Keeps room for a worker beside those of all models while the block lasts.

        Raises:
            ModelTooLargeError: There is not enough: no model leaves for it, idle or not.
        """
        guest = Guest(spec)
        async with self._turn:
            held, _ = self._held("")
            self._memory.plan(spec, [replace(each, idle=False) for each in held])
            self._guests.add(guest)
        try:
            yield guest
        finally:
            self._guests.discard(guest)

    def plan(self, spec: WorkerSpec) -> list[Held]:
        """Which models have to leave for one, whose own worker would end first; raises as
        `make`."""
        held, replaced = self._held(spec.model_id)
        return self._memory.plan(spec, held, replaced)

    def available(self, model_id: str) -> int:
        """What a model can take when all that are idle leave for it, and its own worker ends."""
        held, replaced = self._held(model_id)
        return self._memory.available(held, replaced)

    def _held(self, model_id: str) -> tuple[list[Held], Held | None]:
        """What is loaded takes: that of others, and that of the model of that id."""
        held = {
            place.model_id: self._memory.held(place.worker, idle=place.idle)
            for place in self._places.values()
            if place.worker is not None
        }
        replaced = held.pop(model_id, None)
        return [*held.values(), *map(self._held_by, self._guests)], replaced

    def _held_by(self, guest: Guest) -> Held:
        if guest.worker is not None:
            return self._memory.held(guest.worker, idle=False)
        needed = self._memory.needed(guest.spec)  # soon
        return Held(guest.spec.model_id, needed, 0, last_used=0, idle=False)
