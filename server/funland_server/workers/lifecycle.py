"""Starts a model's worker, ends it, and brings back what was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic, time

import structlog

from funland_server.config import ServerSettings
from funland_server.errors import FunlandError, ServerStoppingError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.workers.errors import ModelLoadFailedError, ModelUnloadedError
from funland_server.workers.guests import Guests
from funland_server.workers.memory import Memory
from funland_server.workers.place import Place
from funland_server.workers.process import Launcher, WorkerProcess
from funland_server.workers.room import Room
from funland_server.workers.spec import MakeSpec, WorkerSpec
from funland_server.workers.watchdog import Patience
from funland_server.workers.worker import Worker

logger = structlog.get_logger(__name__)

_LEAST_KEPT_SECONDS = 0.1
"""Also with `keep_alive_seconds` 0 a model stays for a call that follows the last at once."""


class Lifecycle:
    """What happens to the workers of one server. Callers hold the place's `turn`, but for `end`."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        places: Mapping[str, Place],
        metrics: Metrics,
        changed: Callable[[str], None],
        note: Callable[[Worker], Awaitable[None]],
        *,
        look: Callable[[Sequence[str]], Awaitable[None]],
        launcher: Launcher,
    ) -> None:
        """`changed` is called with a model's id when its place changes, `note` with a worker that
        is loaded, and before its end, `look` before a load is placed, with the ids of the devices
        that it names."""
        self._note = note
        self._settings = settings
        self._look = look
        self._launcher = launcher
        self._places = places
        self._metrics = metrics
        self._changed = changed
        self._memory = Memory(settings.map(lambda now: now.memory_limit_bytes))
        self.room = Room(places, self._memory, metrics, self.end)
        self.guests = Guests(
            self.room, settings.map(lambda now: now.load_timeout_seconds), self._patience, look
        )
        self._ending: set[asyncio.Task[None]] = set()
        self.stopping = False

    async def start(self, place: Place, make_spec: MakeSpec) -> Worker:
        """Loads a model that is not loaded.

        Raises:
            FunlandError: It can't be loaded, is backing off, or the server is stopping.
        """
        model_id = place.model_id
        if self.stopping:
            raise ServerStoppingError
        place.backoff.check(model_id)
        place.loading, place.error = True, None
        self._changed(model_id)
        begin = monotonic()
        try:
            process = await self._launch(await self._spec(make_spec))
        except FunlandError as error:
            place.error = error
            logger.warning("model_not_loaded", model=model_id, reason=error.message)
            if isinstance(error, ModelLoadFailedError) and error.crashed:
                self._count_loss(place, lived_seconds=0)
            raise
        finally:
            place.loading = False
            self._memory.settle(model_id)
            self._changed(model_id)
        if self.stopping:  # meanwhile, and whoever stops did not see this one
            await process.end()
            raise ServerStoppingError
        load_ms = 1e3 * (monotonic() - begin)
        observe = self._metrics.steps(model_id)
        worker = place.holder = Worker(model_id, process, observe, load_ms, self._patience())
        place.watch = asyncio.create_task(self._watch(place, worker, make_spec))
        self.keep(place, worker, worker.spec.keep_alive_seconds)
        await self._note(worker)  # lest nothing is known if the server is killed
        logger.info("model_loaded", model=model_id, pid=process.pid, ms=round(load_ms))
        self._changed(model_id)
        return worker

    async def plan(self, make_spec: MakeSpec) -> None:
        """Sees whether a model could be loaded if its own worker ended; raises as `start`."""
        self.room.plan(await self._spec(make_spec))

    async def _spec(self, make_spec: MakeSpec) -> WorkerSpec:
        spec = await asyncio.to_thread(make_spec)
        await self._look(spec.settings.device_ids)
        return await self._launcher.choose(spec)

    async def _launch(self, spec: WorkerSpec) -> WorkerProcess:
        """Starts a process where there is room for it; on the CPU if it fails on other devices and
        its settings allow that."""
        spec = await self.room.make(spec)
        try:
            return await self._launcher.launch(spec, self._settings.now.load_timeout_seconds)
        except FunlandError as error:
            instead = spec.placer.instead(spec, error) if spec.placer is not None else None
            if instead is None:
                raise
            self._memory.settle(spec.model_id)
            logger.warning("model_falls_back", model=spec.model_id, reason=error.message)
            spec = await self.room.make(instead)
            return await self._launcher.launch(spec, self._settings.now.load_timeout_seconds)

    def keep(self, place: Place, worker: Worker, seconds: float) -> None:
        """Lets a worker end when no call came for so long; never if negative."""
        worker.idle_since = monotonic()
        place.keep_alive_seconds = seconds
        if place.keeping is not None:
            place.keeping.cancel()
        if seconds >= 0:
            place.keeping = asyncio.create_task(self._end_unused(place, worker))
        self._changed(place.model_id)

    async def end_when_idle(self, place: Place, worker: Worker) -> None:
        """Ends a worker when its calls have ended; it gets no others."""
        place.leaving = True
        try:
            await worker.wait_idle()
            await self.end(place, worker)
        finally:
            place.leaving = False

    async def end(self, place: Place, worker: Worker) -> None:
        """Ends a worker; calls that it still has fail. Goes on when the caller is cancelled.
        Ending it twice is no error."""
        if place.holder is not worker:
            return
        place.let_go()
        place.holder = None
        ending = asyncio.create_task(self._end(worker))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.shield(ending)

    async def close(self, worker: Worker) -> None:
        """Ends a worker because the server stops."""
        await self._note(worker)
        await worker.end(lambda _: ServerStoppingError())

    async def ended(self) -> None:
        """Waits until all workers that are about to end have ended."""
        if self._ending:
            await asyncio.wait(self._ending)

    def pardon(self, place: Place) -> None:
        """Ends a model's back-off and forgets why it was not loaded."""
        place.error = None
        place.backoff.reset()
        self._metrics.backs_off(place.model_id, None)
        self._changed(place.model_id)

    def forget(self, model_id: str) -> None:
        """Forgets a deleted model."""
        self._memory.forget(model_id)
        self._metrics.forget(model_id)

    def _patience(self) -> Patience:
        settings = self._settings.now
        return Patience(settings.hang_timeout_seconds, settings.step_timeout_seconds)

    async def _end(self, worker: Worker) -> None:
        self._memory.learn(worker)
        await self._note(worker)
        await worker.end(ModelUnloadedError)
        self._metrics.worker_ended(worker.model_id)
        logger.info("model_unloaded", model=worker.model_id)
        self._changed(worker.model_id)

    async def _end_unused(self, place: Place, worker: Worker) -> None:
        while not worker.over:
            await worker.wait_idle()
            rest = worker.idle_since + place.keep_alive_seconds - monotonic()
            if rest <= 0 and place.idle:
                logger.info("model_unused", model=place.model_id)
                await self.end(place, worker)
                return
            await asyncio.sleep(max(rest, _LEAST_KEPT_SECONDS))

    async def _watch(self, place: Place, worker: Worker, make_spec: MakeSpec) -> None:
        """Starts another worker when this one is lost, unless that happens again and again."""
        await worker.lost.wait()
        place.restarts += 1
        # Before anybody else hears of the loss and asks for another worker.
        self._count_loss(place, monotonic() - worker.load_monotonic)
        self._metrics.worker_ended(place.model_id)
        self._metrics.worker_restarts.labels(place.model_id).inc()
        logger.error("worker_lost", model=place.model_id, pid=worker.process.pid)
        await worker.process.end()
        if place.retry_seconds is not None:
            return
        async with place.turn:
            if place.worker is None:
                # What failed is kept as the model's state; the next call tries again.
                with suppress(FunlandError):
                    await self.start(place, make_spec)

    def _count_loss(self, place: Place, lived_seconds: float) -> None:
        place.backoff.lost(lived_seconds)
        seconds = place.retry_seconds
        if seconds is not None:
            logger.error("model_backs_off", model=place.model_id, seconds=round(seconds))
            self._metrics.backs_off(place.model_id, time() + seconds)
            loop = asyncio.get_running_loop()
            loop.call_later(seconds + 0.01, self._look_again, place)
        self._changed(place.model_id)

    def _look_again(self, place: Place) -> None:
        """Tells that a back-off is over, if it is and the model was not deleted meanwhile."""
        if self._places.get(place.model_id) is place and place.retry_seconds is None:
            self._metrics.backs_off(place.model_id, None)
            self._changed(place.model_id)
