"""Starts a model's worker, ends it, and brings back what was lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import monotonic, time

import structlog

from funland_server.config import ServerSettings
from funland_server.errors import FunlandError, ServerStoppingError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.tracing.spans import NO_SPAN, current, ending, enter
from funland_server.workers.errors import ModelLoadFailedError, ModelUnloadedError
from funland_server.workers.guests import Guests
from funland_server.workers.holds import Hold
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
        changed: Callable[[Place], None],
        note: Callable[[Worker], Awaitable[None]],
        *,
        look: Callable[[Sequence[str]], Awaitable[None]],
        launcher: Launcher,
    ) -> None:
        """`changed` is called with a place when it changes, `note` with a worker that
        is loaded, and before its end, `look` before a load is placed, with the ids of the devices
        that it names."""
        self._note = note
        self._settings = settings
        self._look = look
        self._launcher = launcher
        self._places = places
        self._metrics = metrics
        self._changed = changed
        self._ending: dict[asyncio.Task[None], Worker] = {}
        limit = settings.map(lambda now: now.memory_limit_bytes)
        self._memory = Memory(limit)
        self.room = Room(
            places,
            self._memory,
            metrics,
            patience=settings.map(lambda now: now.load_wait_seconds),
            end=self.begin_end,
            ending=self._ending.values,
            look=look,
        )
        limit.tell(lambda _: self.room.look())
        self.guests = Guests(
            self.room, settings.map(lambda now: now.load_timeout_seconds), self._patience, look
        )
        self.stopping = False

    async def start(self, place: Place, make_spec: MakeSpec, *, wanted: bool = True) -> Worker:
        """Loads a model, anew if it is loaded: then its worker goes on until there is room for
        another and its calls have ended. What is not `wanted` waits for room only as long as calls
        wait for it.

        Raises:
            FunlandError: It can't be loaded, is backing off, or the server is stopping.
        """
        if self.stopping:
            raise ServerStoppingError
        place.backoff.check(place.model_id)
        place.loading, place.error = True, None
        self.asked(place)
        self._changed(place)
        begin = monotonic()
        try:
            told = {"funland.model": place.key}
            with ending(current().child(f"load {place.model_id}", attributes=told)):
                spec = await self._spec(make_spec)
                process = await self._launch(place, replace(spec, instance=place.instance), wanted)
            if self.stopping:  # meanwhile, and whoever stops did not see this one
                await process.end()
                raise ServerStoppingError
            worker = self._hold_by(place, process, 1e3 * (monotonic() - begin))
        except FunlandError as error:
            place.error = error
            logger.warning("model_not_loaded", model=place.key, reason=error.message)
            if isinstance(error, ModelLoadFailedError) and error.crashed:
                self._count_loss(place, lived_seconds=0)
            raise
        finally:
            place.loading = False
            place.load.ended()
            # What was promised is held by now: nobody finds it free in between.
            self.room.settle(place.key)
            self._changed(place)
        place.watch = asyncio.create_task(self._watch(place, worker, make_spec))
        self.keep(place, worker, worker.spec.keep_alive_seconds)
        await self._note(worker)  # lest nothing is known if the server is killed
        ms = round(worker.load_ms)
        logger.info("model_loaded", model=place.key, pid=worker.process.pid, ms=ms)
        self._changed(place)
        return worker

    def asked(self, place: Place) -> None:
        """A model is to be loaded: from now on it is told how far that is."""
        place.load.asked(partial(self._changed, place))

    def _hold_by(self, place: Place, process: WorkerProcess, load_ms: float) -> Worker:
        observe = self._metrics.steps(place.model_id, place.key)
        place.holder = Worker(place.model_id, process, observe, load_ms, self._patience())
        return place.holder

    async def _spec(self, make_spec: MakeSpec) -> WorkerSpec:
        spec = await asyncio.to_thread(make_spec)
        await self._look(spec.settings.device_ids)
        return await self._launcher.choose(spec)

    async def _launch(self, place: Place, spec: WorkerSpec, wanted: bool) -> WorkerProcess:
        """Starts a process where there is room for it; on the CPU if it fails on other devices and
        its settings allow that."""
        spec = await self.room.make(place, spec, wanted=wanted)
        if (former := place.worker) is not None:
            await self.end_when_idle(place, former)
        if self.stopping:
            raise ServerStoppingError
        try:
            return await self._start_process(place, spec)
        except FunlandError as error:
            instead = spec.placer.instead(spec, error) if spec.placer is not None else None
            if instead is None:
                raise
            self.room.settle(spec.key)
            place.load.waits()
            return await self._start_process(
                place, await self.room.make(place, instead, wanted=wanted)
            )

    async def _start_process(self, place: Place, spec: WorkerSpec) -> WorkerProcess:
        place.load.starts()
        seconds = self._settings.now.load_timeout_seconds
        return await self._launcher.launch(spec, seconds, place.load.told)

    def keep(self, place: Place, worker: Worker, seconds: float) -> None:
        """Lets a worker end when no call came for so long; never if negative."""
        worker.idle_since = monotonic()
        place.keep_alive_seconds = seconds
        if place.keeping is not None:
            place.keeping.cancel()
        if seconds >= 0 and not place.holds:
            place.keeping = asyncio.create_task(self._end_unused(place, worker))
        self._changed(place)

    async def end_when_idle(self, place: Place, worker: Worker) -> None:
        """Ends a worker when its calls have ended; it gets no others."""
        place.leaving = True
        try:
            if worker.calls and place.load.standing is not None:
                calls = "calls" if worker.calls > 1 else "call"
                why = f"its former run has {worker.calls} {calls}"
                place.load.waits(why, (place.model_id,))
            await worker.wait_idle()
            await self.end(place, worker)
        finally:
            place.leaving = False

    async def end(self, place: Place, worker: Worker) -> None:
        """Ends a worker; calls that it still has fail. Goes on when the caller is cancelled.
        Ending it twice is no error."""
        if place.holder is worker:
            await asyncio.shield(self.begin_end(place, worker))

    def begin_end(self, place: Place, worker: Worker) -> asyncio.Task[None]:
        """As `end`, of the worker that holds the model. From now on it takes no more calls."""
        place.let_go()
        place.holder = None
        worker.refuse()  # lest a call begins with it that would not end with it
        ending = asyncio.create_task(self._end(place, worker))
        self._ending[ending] = worker
        ending.add_done_callback(self._ended)
        return ending

    async def close(self, worker: Worker) -> None:
        """Ends a worker because the server stops."""
        await self._note(worker)
        await worker.keep_prefixes()
        await worker.end(lambda _: ServerStoppingError())

    async def ended(self) -> None:
        """Waits until all workers that are about to end have ended."""
        if self._ending:
            await asyncio.wait(self._ending.keys())

    def hold(self, place: Place, hold: Hold) -> None:
        """Keeps what is there, or comes there, in memory."""
        place.holds[hold.holder] = hold
        if place.keeping is not None:
            place.keeping.cancel()
        self._held(place)

    def release(self, place: Place, holder: str) -> None:
        """Ends a hold; when it was the last, time without calls counts from now on."""
        if place.holds.pop(holder, None) is None:
            return
        if (worker := place.worker) is not None and not place.holds:
            self.keep(place, worker, place.keep_alive_seconds)
        self._held(place)

    def pardon(self, place: Place) -> None:
        """Ends a model's back-off and forgets why it was not loaded."""
        place.error = None
        place.backoff.reset()
        self._backs_off(place, None)
        self._changed(place)

    def forget(self, place: Place) -> None:
        """Forgets what is known of a model that is deleted; an instance leaves that to others."""
        if not place.instance:
            self._memory.forget(place.model_id)
            self._metrics.forget(place.model_id)

    def _held(self, place: Place) -> None:
        self._memory.keep(place.key, place.kept_by)
        self.room.look()
        self._changed(place)

    def _patience(self) -> Patience:
        settings = self._settings.now
        return Patience(settings.hang_timeout_seconds, settings.step_timeout_seconds)

    async def _end(self, place: Place, worker: Worker) -> None:
        self._memory.learn(worker)
        await self._note(worker)
        if not worker.calls:  # else it is to end at once
            await worker.keep_prefixes()
        await worker.end(ModelUnloadedError)
        self._metrics.worker_ended(place.model_id, place.key)
        logger.info("model_unloaded", model=place.key)
        self._changed(place)

    def _ended(self, ending: asyncio.Task[None]) -> None:
        del self._ending[ending]
        self.room.look()

    async def _end_unused(self, place: Place, worker: Worker) -> None:
        while not worker.over:
            await worker.wait_idle()
            rest = worker.idle_since + place.keep_alive_seconds - monotonic()
            if rest <= 0 and place.idle and not place.holds:
                logger.info("model_unused", model=place.key)
                await self.end(place, worker)
                return
            await asyncio.sleep(max(rest, _LEAST_KEPT_SECONDS))

    async def _watch(self, place: Place, worker: Worker, make_spec: MakeSpec) -> None:
        """Starts another worker when this one is lost; if that happens again and again, only what
        is held, and after a pause."""
        enter(NO_SPAN)  # the call that had it loaded is long over
        await worker.lost.wait()
        place.restarts += 1
        # Before anybody else hears of the loss and asks for another worker.
        self._count_loss(place, monotonic() - worker.load_monotonic)
        self._metrics.worker_ended(place.model_id, place.key)
        self._metrics.worker_restarts.labels(place.model_id).inc()
        logger.error("worker_lost", model=place.key, pid=worker.process.pid)
        await worker.process.end()
        self.room.look()  # its memory is free
        again = True
        while again:
            while (seconds := place.retry_seconds) is not None:
                if not place.holds:
                    return  # the next call starts it
                await asyncio.sleep(seconds)
            async with place.turn:
                if place.worker is None:
                    # What failed is kept as the model's state; the next call tries again.
                    with suppress(FunlandError):
                        await self.start(place, make_spec)
            again = place.retry_seconds is not None

    def _count_loss(self, place: Place, lived_seconds: float) -> None:
        place.backoff.lost(lived_seconds)
        seconds = place.retry_seconds
        if seconds is not None:
            logger.error("model_backs_off", model=place.key, seconds=round(seconds))
            self._backs_off(place, time() + seconds)
            loop = asyncio.get_running_loop()
            loop.call_later(seconds + 0.01, self._look_again, place)
        self._changed(place)

    def _look_again(self, place: Place) -> None:
        """Tells that a back-off is over, if it is and the model was not deleted meanwhile."""
        if self._places.get(place.key) is place and place.retry_seconds is None:
            self._backs_off(place, None)
            self._changed(place)

    def _backs_off(self, place: Place, until: float | None) -> None:
        """Tells until when a model is not started: an instance has other ways to say so."""
        if not place.instance:
            self._metrics.backs_off(place.model_id, until)
