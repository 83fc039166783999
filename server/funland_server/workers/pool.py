"""Which model is in which worker: loads on demand, and once, however many ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

from funland.v1.models_pb2 import LoadSettings, Model
from funland_server.config import ServerSettings
from funland_server.errors import ServerStoppingError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.workers.errors import ModelUnloadedError, QueueFullError
from funland_server.workers.fit import Kind
from funland_server.workers.guests import Guests
from funland_server.workers.holds import Hold
from funland_server.workers.launch import LocalLauncher
from funland_server.workers.lifecycle import Lifecycle
from funland_server.workers.loading import Load
from funland_server.workers.place import Place
from funland_server.workers.process import Launcher
from funland_server.workers.spec import MakeSpec, same_run
from funland_server.workers.taken import Taken
from funland_server.workers.thrash import Thrash
from funland_server.workers.worker import Worker

_RETRY_SECONDS = 5.0


async def _pass_over(_: object) -> None:
    """For who wants no notes, and has no devices to look at."""


class WorkerPool:
    """The workers of one server: at most one for each model, and for each of its instances.

    A worker has a key: its model's id, or that of an instance, which has a `/` and so is no
    model's id. Instances count in the memory as models do. Whoever makes one unloads it.
    """

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        changed: Callable[[Place], None],
        note: Callable[[Worker], Awaitable[None]] = _pass_over,
        *,
        look: Callable[[Sequence[str]], Awaitable[None]] = _pass_over,
        launcher: Launcher | None = None,
    ) -> None:
        """`changed` is called with a place when what the pool says of it changes, `note` with
        a worker that is loaded, and before its end, `look` before a load is
        placed, with the ids of the devices that it names. Without a `launcher` all workers are
        on this machine."""
        self._settings = settings
        self._places: dict[str, Place] = {}
        self._lifecycle = Lifecycle(
            settings,
            self._places,
            metrics,
            changed,
            note,
            look=look,
            launcher=launcher or LocalLauncher(),
        )

    def place(self, key: str) -> Place:
        """How a model or an instance stands; to look at."""
        return self._places.get(key) or Place(key)

    def worker(self, key: str) -> Worker | None:
        """The worker of that key now, if there is one."""
        return self.place(key).worker

    def backing_off(self) -> list[str]:
        """The ids of the models that are not started for a while, in order."""
        return [
            place.model_id
            for place in self.places()
            if not place.instance and place.retry_seconds is not None
        ]

    @property
    def guests(self) -> Guests:
        """Workers beside these, which take memory too."""
        return self._lifecycle.guests

    @property
    def calls(self) -> int:
        """How many calls are under way in all models."""
        workers = (place.worker for place in self._places.values())
        return sum(worker.calls for worker in workers if worker is not None)

    def load_of(self, model_id: str) -> Load:
        """How far a load of the model is, now and whenever one is asked for."""
        return self._own(model_id, "").load

    def places(self) -> list[Place]:
        """How all stand that were asked for, by key; to look at."""
        return [self._places[key] for key in sorted(self._places)]

    def available_bytes(self, key: str = "", kind: Kind = Model.TEXT) -> int:
        """What a worker can take of the memory now, when all are unloaded that leave for one of its
        kind, and the one of the same key ends first."""
        return self._lifecycle.room.available(key, kind)

    @property
    def most_bytes(self) -> int:
        """What a worker could take if all had left that nobody keeps for good, busy or not."""
        return self._lifecycle.room.most_bytes

    def taken(self, key: str = "", kind: Kind = Model.TEXT) -> Taken:
        """What others would leave to a worker of the memories; see `available_bytes`."""
        return self._lifecycle.room.taken(key, kind)

    async def acquire(self, spec: MakeSpec, model_id: str, instance: str = "") -> Worker:
        """The worker of a model, or of an instance of it, loaded first if need be. However many
        ask, it is loaded once, and it goes on when a caller goes away: with a deadline shorter than
        the load, a model would never be loaded.

        Raises:
            QueueFullError: As many calls wait already for the model to have memory.
            FunlandError: The load failed, the model is backing off, or the server is stopping.
        """
        place = self._own(model_id, instance)
        while True:
            if (worker := place.worker) is not None and not place.leaving:
                return worker
            acquiring = self._acquiring(place, spec)
            place.callers += 1  # so that nobody unloads the model before the caller has begun
            try:
                return await asyncio.shield(acquiring)
            except asyncio.CancelledError:
                if not acquiring.cancelled():
                    raise  # the caller went away
                if self._lifecycle.stopping:
                    raise ServerStoppingError from None
                # It was given up when nobody waited for it, just before this caller came.
            finally:
                place.callers -= 1

    async def load(
        self, spec: MakeSpec, model_id: str, wanted: LoadSettings, instance: str = ""
    ) -> Worker:
        """Loads a model or an instance. One that is loaded stays as it is, unless it does not run
        as `wanted`: then it is loaded anew when there is room for that and its calls have ended.
        Raises as `acquire`."""
        place = self._own(model_id, instance)
        async with place.turn:
            worker = place.worker
            if worker is not None and same_run(worker.spec, worker.ready, wanted):
                kept = wanted.HasField("keep_alive_seconds")
                seconds = wanted.keep_alive_seconds if kept else place.keep_alive_seconds
                self._lifecycle.keep(place, worker, seconds)
                return worker
            return await self._lifecycle.start(place, spec)

    def hold(self, model_id: str, hold: Hold, instance: str = "") -> None:
        """Keeps the worker of a model or an instance in memory, be it there or still to be loaded:
        it does not leave unused, nor for others, until `release`."""
        self._lifecycle.hold(self._own(model_id, instance), hold)

    def release(self, key: str, holder: str = "") -> None:
        """Ends what holds a worker, if that does. When it was the last, time without calls counts
        from now on."""
        if (place := self._places.get(key)) is not None:
            self._lifecycle.release(place, holder)

    def thrashing(self) -> list[Thrash]:
        """Those that push each other out of memory."""
        return self._lifecycle.room.evictions.thrashing(monotonic())

    async def unload(self, key: str, *, force: bool) -> None:
        """Takes a model out of memory when its calls have ended, or at once if `force`. Whoever
        does that knows of its losses, so its back-off ends."""
        if (place := self._places.get(key)) is None:
            return
        self._lifecycle.room.give_up(place, ModelUnloadedError(place.model_id))
        if force and (worker := place.worker) is not None:
            # Not waiting for the turn of one that waits politely.
            await self._lifecycle.end(place, worker)
        async with place.turn:
            worker = place.worker
            if worker is None:
                place.let_go()  # a lost worker is not brought back
            elif force:
                await self._lifecycle.end(place, worker)
            else:
                await self._lifecycle.end_when_idle(place, worker)
            self._lifecycle.pardon(place)

    async def forget(self, key: str) -> None:
        """Unloads a model that is deleted, or an instance that is not needed any more."""
        await self.unload(key, force=True)
        self._lifecycle.forget(self._places.pop(key, None) or Place(key))

    async def close(self) -> None:
        """Ends all workers; calls that are still under way fail."""
        self._lifecycle.stopping = True
        await self._lifecycle.room.close()
        await self._lifecycle.guests.close()
        places = list(self._places.values())
        tasks = [task for place in places for task in place.tasks()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.gather(
            *(self._lifecycle.close(place.holder) for place in places if place.holder)
        )
        await self._lifecycle.ended()

    def _own(self, model_id: str, instance: str) -> Place:
        place = Place(model_id, instance)
        return self._places.setdefault(place.key, place)

    def _acquiring(self, place: Place, spec: MakeSpec) -> asyncio.Task[Worker]:
        """The load that all callers wait for, begun if it is not under way."""
        if (acquiring := place.acquiring) is not None and not acquiring.done():
            limit = self._settings.now.queue_limit
            if place.load.waits_for is not None and place.callers >= limit:
                raise _full(place, limit)
            return acquiring
        self._lifecycle.asked(place)
        place.acquiring = asyncio.create_task(self._acquire(place, spec))
        return place.acquiring

    async def _acquire(self, place: Place, spec: MakeSpec) -> Worker:
        try:
            async with place.turn:
                return place.worker or await self._lifecycle.start(place, spec, wanted=False)
        finally:
            place.load.ended()


def _full(place: Place, limit: int) -> QueueFullError:
    error = QueueFullError(
        f"{place.callers} calls wait for model {place.model_id!r} to have memory, and no more may."
        " Try again later.",
        model=place.model_id,
        queue_limit=str(limit),
    )
    error.retry_seconds = _RETRY_SECONDS
    return error
