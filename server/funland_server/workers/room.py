"""Makes room for a model by unloading others that are idle."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from funland.worker.v1.worker_pb2 import Ready
from funland_server.metrics import Metrics
from funland_server.workers.memory import Held, Memory
from funland_server.workers.place import Place
from funland_server.workers.spec import WorkerSpec, device_bytes
from funland_server.workers.taken import Taken
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

    async def make(self, spec: WorkerSpec) -> WorkerSpec:
        """Places a model on devices and keeps room for it until `Memory.settle`.

        Raises:
            ModelTooLargeError: There is not enough, even without all that are idle. Then none was
                unloaded.
            FunlandError: It can't be computed where it is to be.
        """
        async with self._turn:  # what leaves for one is not taken by another
            spec, leaving = self.plan(spec)
            self._memory.promise(spec)
            ends: list[Awaitable[None]] = []
            for held in leaving:
                place = self._places[held.key]
                if (worker := place.worker) is not None:
                    logger.info("model_evicted", model=place.key, by=spec.key)
                    self._metrics.evictions.labels(place.model_id).inc()
                    ends.append(self._end(place, worker))
            await asyncio.gather(*ends)
        return spec

    @asynccontextmanager
    async def beside(self, spec: WorkerSpec) -> AsyncGenerator[Guest]:
        """Places a worker beside those of all models, and keeps room for it while the block lasts.

        Raises:
            ModelTooLargeError: There is not enough: no model leaves for it, idle or not.
            FunlandError: It can't be computed where it is to be.
        """
        async with self._turn:
            held, _ = self._held("")
            guest = Guest(self._planned(spec, [replace(each, idle=False) for each in held])[0])
            self._guests.add(guest)
        try:
            yield guest
        finally:
            self._guests.discard(guest)

    def plan(self, spec: WorkerSpec) -> tuple[WorkerSpec, list[Held]]:
        """A model with its devices, and which others have to leave for it; its own worker would
        end first. Raises as `make`."""
        return self._planned(spec, *self._held(spec.key))

    def taken(self, key: str) -> Taken:
        """What others would leave to a worker, in whose place none is any more."""
        return self._memory.taken(*self._held(key))

    def available(self, key: str) -> int:
        """What a worker can take when all that are idle leave for it, and the one in its place."""
        held, replaced = self._held(key)
        return self._memory.available(held, replaced)

    def _held(self, key: str) -> tuple[list[Held], Held | None]:
        """What is loaded takes: that of others, and that of the worker of that key."""
        held = {
            place.key: self._memory.held(place.worker, idle=place.idle)
            for place in self._places.values()
            if place.worker is not None
        }
        replaced = held.pop(key, None)
        return [*held.values(), *map(self._held_by, self._guests)], replaced

    def _planned(
        self, spec: WorkerSpec, held: Sequence[Held], replaced: Held | None = None
    ) -> tuple[WorkerSpec, list[Held]]:
        if spec.placer is not None:
            spec = spec.placer.place(spec, self._memory.taken(held, replaced))
        return spec, self._memory.plan(spec, held, replaced)

    def _held_by(self, guest: Guest) -> Held:
        if guest.worker is not None:
            return self._memory.held(guest.worker, idle=False)
        spec = guest.spec
        needed = self._memory.needed(spec)  # soon
        return Held(spec.key, needed, 0, 0, idle=False, devices=device_bytes(spec, Ready()))
