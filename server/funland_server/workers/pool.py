"""Which model is in which worker: loads on demand, and once, however many ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from funland.v1.models_pb2 import LoadSettings
from funland_server.config import ServerSettings
from funland_server.errors import ServerStoppingError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.workers.guests import Guests
from funland_server.workers.launch import LocalLauncher
from funland_server.workers.lifecycle import Lifecycle
from funland_server.workers.place import Place
from funland_server.workers.process import Launcher
from funland_server.workers.spec import MakeSpec, same_run
from funland_server.workers.taken import Taken
from funland_server.workers.worker import Worker


async def _pass_over(_: object) -> None:
    """For who wants no notes, and has no devices to look at."""


class WorkerPool:
    """The workers of one server, at most one for each model."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        changed: Callable[[str], None],
        note: Callable[[Worker], Awaitable[None]] = _pass_over,
        *,
        look: Callable[[Sequence[str]], Awaitable[None]] = _pass_over,
        launcher: Launcher | None = None,
    ) -> None:
        """`changed` is called with a model's id when what the pool says of it changes, `note` with
        a worker that is loaded, and before its end, `look` before a load is
        placed, with the ids of the devices that it names. Without a `launcher` all workers are
        on this machine."""
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

    def place(self, model_id: str) -> Place:
        """How a model stands; to look at."""
        return self._places.get(model_id) or Place(model_id)

    def worker(self, model_id: str) -> Worker | None:
        """The worker that holds the model now, if one does."""
        return self.place(model_id).worker

    def backing_off(self) -> list[str]:
        """The ids of the models that are not started for a while, in order."""
        places = self._places.values()
        return sorted(place.model_id for place in places if place.retry_seconds is not None)

    @property
    def guests(self) -> Guests:
        """Workers beside these, which take memory too."""
        return self._lifecycle.guests

    @property
    def calls(self) -> int:
        """How many calls are under way in all models."""
        workers = (place.worker for place in self._places.values())
        return sum(worker.calls for worker in workers if worker is not None)

    def places(self) -> list[Place]:
        """How all models stand that were asked for, by id; to look at."""
        return [self._places[model_id] for model_id in sorted(self._places)]

    def available_bytes(self, model_id: str = "") -> int:
        """What a model can take of the memory now, when all that are idle are unloaded, and its own
        worker ends first."""
        return self._lifecycle.room.available(model_id)

    def taken(self, model_id: str = "") -> Taken:
        """What others would leave to a model of the memories; see `available_bytes`."""
        return self._lifecycle.room.taken(model_id)

    async def acquire(self, spec: MakeSpec, model_id: str) -> Worker:
        """The worker of a model, loaded first if need be. However many ask, it is loaded once, and
        it goes on when a caller goes away: with a deadline shorter than the load, a model would
        never be loaded.

        Raises:
            FunlandError: The load failed, the model is backing off, or the server is stopping.
        """
        place = self._own(model_id)
        if (worker := place.worker) is not None and not place.leaving:
            return worker
        if place.acquiring is None or place.acquiring.done():
            place.acquiring = asyncio.create_task(self._acquire(place, spec))
        acquiring = place.acquiring
        place.callers += 1  # so that nobody unloads the model before the caller has begun
        try:
            return await asyncio.shield(acquiring)
        except asyncio.CancelledError:
            if acquiring.cancelled():  # not the caller went away, the pool was closed
                raise ServerStoppingError from None
            raise
        finally:
            place.callers -= 1

    async def load(self, spec: MakeSpec, model_id: str, wanted: LoadSettings) -> Worker:
        """Loads a model. One that is loaded stays as it is, unless it does not run as `wanted`:
        then it is loaded anew when it is idle. Raises as `acquire`."""
        place = self._own(model_id)
        async with place.turn:
            if (worker := place.worker) is not None:
                if same_run(worker.spec, worker.ready, wanted):
                    kept = wanted.HasField("keep_alive_seconds")
                    seconds = wanted.keep_alive_seconds if kept else place.keep_alive_seconds
                    self._lifecycle.keep(place, worker, seconds)
                    return worker
                # It had better stay as it is than leave for a run that does not fit.
                await self._lifecycle.plan(spec)
                await self._lifecycle.end_when_idle(place, worker)
            return await self._lifecycle.start(place, spec)

    async def unload(self, model_id: str, *, force: bool) -> None:
        """Takes a model out of memory when its calls have ended, or at once if `force`. Whoever
        does that knows of its losses, so its back-off ends."""
        place = self._own(model_id)
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

    async def forget(self, model_id: str) -> None:
        """Unloads a model that is deleted."""
        await self.unload(model_id, force=True)
        self._places.pop(model_id, None)
        self._lifecycle.forget(model_id)

    async def close(self) -> None:
        """Ends all workers; calls that are still under way fail."""
        self._lifecycle.stopping = True
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

    def _own(self, model_id: str) -> Place:
        return self._places.setdefault(model_id, Place(model_id))

    async def _acquire(self, place: Place, spec: MakeSpec) -> Worker:
        async with place.turn:
            return place.worker or await self._lifecycle.start(place, spec)
