"""Which model is in which worker: loads on demand, once, and brings back what was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic

import structlog

from funland.v1.models_pb2 import LoadSettings
from funland_server.config import ServerSettings
from funland_server.errors import FunlandError, ModelUnloadedError, ServerStoppingError
from funland_server.metrics import Metrics
from funland_server.workers.launch import WorkerSpec, launch
from funland_server.workers.worker import Worker

logger = structlog.get_logger(__name__)

_STEADY_SECONDS = 5.0
"""A worker that is lost sooner than this after its load comes back only when it is called."""


@dataclass(slots=True)
class _Place:
    """What the pool knows of one model."""

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Whoever loads or unloads."""
    leaving: bool = False
    """The worker takes no new calls: it ends when it is idle."""
    acquiring: asyncio.Task[Worker] | None = None
    """What all callers wait for that want the model and don't find it."""
    worker: Worker | None = None
    spec: WorkerSpec | None = None
    loading: bool = False
    error: FunlandError | None = None
    restarts: int = 0
    watch: asyncio.Task[None] | None = None


class WorkerPool:
    """The workers of one server, at most one for each model."""

    def __init__(
        self, settings: ServerSettings, metrics: Metrics, changed: Callable[[str], None]
    ) -> None:
        """`changed` is called with a model's id when what the pool says of it changes."""
        self._settings = settings
        self._metrics = metrics
        self._changed = changed
        self._places: dict[str, _Place] = {}
        self._stopping = False

    def worker(self, model_id: str) -> Worker | None:
        """The worker that holds the model now, if one does."""
        place = self._places.get(model_id)
        worker = place.worker if place else None
        return worker if worker is not None and not worker.lost.is_set() else None

    def is_loading(self, model_id: str) -> bool:
        """Whether the model is being read into memory."""
        place = self._places.get(model_id)
        return place is not None and place.loading

    def load_error(self, model_id: str) -> FunlandError | None:
        """Why the latest load failed, if it did."""
        place = self._places.get(model_id)
        return place.error if place else None

    def restarts(self, model_id: str) -> int:
        """How often the model's worker was lost and started again."""
        place = self._places.get(model_id)
        return place.restarts if place else 0

    async def acquire(self, spec: Callable[[], WorkerSpec], model_id: str) -> Worker:
        """The worker of a model, loaded first if need be. However many ask, it is loaded once, and
        it goes on when a caller goes away: with a deadline shorter than the load, a model would
        never be loaded.

        `spec` checks the model's file, so it is asked only for a load.

        Raises:
            FunlandError: The load failed, or the server is stopping.
        """
        place = self._place(model_id)
        if (worker := self.worker(model_id)) is not None and not place.leaving:
            return worker
        if place.acquiring is None or place.acquiring.done():
            place.acquiring = asyncio.create_task(self._acquire(place, model_id, spec))
        acquiring = place.acquiring
        try:
            return await asyncio.shield(acquiring)
        except asyncio.CancelledError:
            if acquiring.cancelled():  # not the caller went away, the pool was closed
                raise ServerStoppingError from None
            raise

    async def load(self, spec: Callable[[], WorkerSpec], model_id: str) -> Worker:
        """Loads a model; one that is loaded with other settings is loaded anew when it is idle."""
        place = self._place(model_id)
        async with place.turn:
            worker = self.worker(model_id)
            if worker is not None:
                wanted = await asyncio.to_thread(spec)
                if place.spec is not None and _same_run(worker, wanted.settings):
                    return worker
                await self._end_when_idle(place, worker)
            return await self._load(place, model_id, spec)

    async def unload(self, model_id: str, *, force: bool) -> None:
        """Takes a model out of memory when its calls have ended, or at once if `force`."""
        place = self._place(model_id)
        if force and (worker := self.worker(model_id)) is not None:
            await self._end(place, worker)  # not waiting for the turn of one that waits politely
        async with place.turn:
            place.error = None
            worker = self.worker(model_id)
            if worker is None:
                if place.watch is not None:  # a lost worker is not brought back
                    place.watch.cancel()
            elif force:
                await self._end(place, worker)
            else:
                await self._end_when_idle(place, worker)

    async def forget(self, model_id: str) -> None:
        """Unloads a model that is deleted."""
        await self.unload(model_id, force=True)
        self._places.pop(model_id, None)
        self._metrics.forget(model_id)

    async def close(self) -> None:
        """Ends all workers; calls that are still under way fail."""
        self._stopping = True
        places = list(self._places.values())
        tasks = [task for place in places for task in (place.watch, place.acquiring) if task]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.gather(
            *(place.worker.end(lambda _: ServerStoppingError()) for place in places if place.worker)
        )

    def _place(self, model_id: str) -> _Place:
        return self._places.setdefault(model_id, _Place())

    async def _acquire(
        self, place: _Place, model_id: str, make_spec: Callable[[], WorkerSpec]
    ) -> Worker:
        async with place.turn:
            worker = self.worker(model_id)
            return worker or await self._load(place, model_id, make_spec)

    async def _load(
        self, place: _Place, model_id: str, make_spec: Callable[[], WorkerSpec]
    ) -> Worker:
        if self._stopping:
            raise ServerStoppingError
        place.loading, place.error = True, None
        self._changed(model_id)
        begin = monotonic()
        try:
            spec = await asyncio.to_thread(make_spec)
            process = await launch(spec, self._settings.load_timeout_seconds)
        except FunlandError as error:
            place.error = error
            logger.warning("model_not_loaded", model=model_id, reason=error.message)
            raise
        finally:
            place.loading = False
            self._changed(model_id)
        if self._stopping:  # meanwhile, and `close` did not see this one
            await process.end()
            raise ServerStoppingError
        load_ms = 1e3 * (monotonic() - begin)
        worker = Worker(model_id, process, lambda step: self._metrics.step(model_id, step), load_ms)
        place.worker, place.spec = worker, spec
        place.watch = asyncio.create_task(self._watch(place, worker, make_spec))
        logger.info("model_loaded", model=model_id, pid=process.pid, ms=round(load_ms))
        self._changed(model_id)
        return worker

    async def _end_when_idle(self, place: _Place, worker: Worker) -> None:
        place.leaving = True
        try:
            await worker.wait_idle()
            await self._end(place, worker)
        finally:
            place.leaving = False

    async def _end(self, place: _Place, worker: Worker) -> None:
        if place.worker is not worker:  # another call ended it
            return
        if place.watch is not None:
            place.watch.cancel()
        place.worker = None
        await worker.end(ModelUnloadedError)
        self._metrics.worker_ended(worker.model_id)
        logger.info("model_unloaded", model=worker.model_id)
        self._changed(worker.model_id)

    async def _watch(
        self, place: _Place, worker: Worker, make_spec: Callable[[], WorkerSpec]
    ) -> None:
        """Starts another worker when this one is lost."""
        await worker.lost.wait()
        model_id = worker.model_id
        steady = monotonic() - worker.load_monotonic > _STEADY_SECONDS
        logger.error("worker_lost", model=model_id, pid=worker.process.pid, restart=steady)
        self._metrics.worker_ended(model_id)
        place.restarts += 1
        self._metrics.worker_restarts.labels(model_id).inc()
        await worker.process.end()
        if not steady:
            self._changed(model_id)
            return
        # What failed is kept as the model's state; the next call tries again.
        with suppress(FunlandError):
            await self._acquire(place, model_id, make_spec)


def _same_run(worker: Worker, wanted: LoadSettings) -> bool:
    """Whether the worker runs as `wanted`; what is unset is content with anything."""
    ready = worker.ready
    return all(
        not wanted.HasField(name) or getattr(wanted, name) == getattr(ready, name)
        for name in ("context_length", "slots", "threads")
    )
