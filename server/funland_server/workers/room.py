"""Carries out what is planned: has models leave, lets others start, and tells why they wait."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Collection,
    Iterable,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic

import structlog

from funland.v1.models_pb2 import Model
from funland_server.errors import FunlandError, ServerStoppingError
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.workers.decisions import (
    Decision,
    Drop,
    Refuse,
    Start,
    State,
    Wait,
    promise,
)
from funland_server.workers.fit import Held, Kind, available, taken
from funland_server.workers.memory import Memory
from funland_server.workers.place import Place
from funland_server.workers.plan import SETTLING_SECONDS, free, plan, replaced
from funland_server.workers.requests import Guest, Request
from funland_server.workers.spec import WorkerSpec
from funland_server.workers.taken import Taken
from funland_server.workers.thrash import Evictions
from funland_server.workers.worker import Worker

logger = structlog.get_logger(__name__)


class Room:
    """Sees to it that models fit into the memory before they are loaded."""

    def __init__(
        self,
        places: Mapping[str, Place],
        memory: Memory,
        metrics: Metrics,
        *,
        patience: Live[float],
        end: Callable[[Place, Worker], asyncio.Task[None]],
        ending: Callable[[], Iterable[Worker]],
        look: Callable[[Sequence[str]], Awaitable[None]],
    ) -> None:
        """`patience` is for how many seconds a model waits, `end` begins to unload one, `ending`
        gives those where that has begun, `look` is called before the memory of the devices that it
        is given is counted."""
        self._places = places
        self._memory = memory
        self._metrics = metrics
        self._patience = patience
        self._end = end
        self._ending = ending
        self._look_at = look
        self._guests: set[Guest] = set()
        self._requests: list[Request] = []
        self._granting: set[asyncio.Task[None]] = set()
        self._watching: asyncio.Task[None] | None = None
        self.evictions = Evictions()
        """Who left for whom lately."""

    async def make(self, place: Place, spec: WorkerSpec, *, wanted: bool) -> WorkerSpec:
        """Places a model on devices and keeps room for it until `settle`; waits for that as long as
        the settings have it. What is not `wanted` waits only as long as calls wait for it.

        Raises:
            ModelTooLargeError: There is not enough, even without all that are idle. Then none was
                unloaded.
            ModelUnloadedError: Somebody unloads it while it waits.
            FunlandError: It can't be computed where it is to be, or the server is stopping.
        """
        answer = asyncio.get_running_loop().create_future()
        return await self._asked(Request(spec, answer, place, wanted=wanted))

    @asynccontextmanager
    async def beside(self, spec: WorkerSpec) -> AsyncGenerator[Guest]:
        """Places a worker beside those of all models, and keeps room for it while the block lasts.

        For one that trains idle models leave, and it waits for busy ones as `make` does; for
        others nobody leaves, idle or not.

        Raises:
            ModelTooLargeError: There is not enough.
            FunlandError: It can't be computed where it is to be, or the server is stopping.
        """
        answer = asyncio.get_running_loop().create_future()
        guest = Guest(spec)
        try:
            await self._asked(Request(spec, answer, guest=guest))
            yield guest
        finally:
            self._guests.discard(guest)
            self.look()

    def settle(self, key: str) -> None:
        """Ends a promise: the worker runs, or its start has failed."""
        self._memory.settle(key)
        self.look()

    def give_up(self, place: Place, error: FunlandError) -> None:
        """Ends the waiting of what was to be loaded there, if it waits."""
        for request in self._requests:
            if request.place is place and not request.answer.done():
                request.answer.set_exception(error)

    def taken(self, key: str, kind: Kind = Model.TEXT) -> Taken:
        """What others would leave to a worker of that kind, whose place would be empty."""
        state = self._state(())
        own = replaced(state.memories, key)
        return taken(state.memories, free(state, key, kind), own)

    def available(self, key: str, kind: Kind = Model.TEXT) -> int:
        """What a worker can take when all that are idle leave for it, and the one in its place."""
        state = self._state(())
        own = replaced(state.memories, key)
        return available(state.memories, free(state, key, kind), own)

    @property
    def most_bytes(self) -> int:
        """What a worker could take if all had left that nobody keeps for good, busy or not."""
        memories = self._state(()).memories
        return available(memories, [each for each in memories.held if not each.kept_by])

    def look(self) -> None:
        """Decides anew about those that wait."""
        waiting = [one for one in self._requests if not one.answer.done()]
        if not waiting:
            return
        try:
            self._decide(waiting)
        except Exception as error:  # a defect, and whoever asked for a look has no part in it
            self._fail(waiting, error)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Ends all waiting with ServerStoppingError."""
        for request in self._requests:
            if not request.answer.done():
                request.answer.set_exception(ServerStoppingError())
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])

    async def _asked(self, request: Request) -> WorkerSpec:
        self._requests.append(request)
        try:
            self.look()
            return await request.answer
        finally:
            if request in self._requests:
                self._requests.remove(request)
                self.look()  # a younger one may have waited for this one

    async def _watch(self) -> None:
        """Looks again while somebody waits: calls end, and other programs take memory and give it
        back, without a word to anybody here."""
        while self._requests:
            await asyncio.sleep(SETTLING_SECONDS)
            waiting = [*self._requests]
            try:
                await self._look_at([id_ for one in waiting for id_ in one.device_ids])
            except Exception as error:
                self._fail(waiting, error)
            self.look()

    def _decide(self, waiting: Sequence[Request]) -> None:
        state = self._state(waiting)
        of = {id(one): request for one, request in zip(state.waiting, waiting, strict=True)}
        for decision in plan(state):
            self._carry_out(decision, of[id(decision.waiting)])

    def _fail(self, waiting: Iterable[Request], error: Exception) -> None:
        """Whoever waits had better hear of a defect than of nothing."""
        logger.error("planning_failed", exc_info=error)
        for request in waiting:
            if not request.answer.done():
                request.answer.set_exception(error)

    def _carry_out(self, decision: Decision, request: Request) -> None:
        match decision:
            case Start(_, spec, evict):
                self._requests.remove(request)
                self._promise(request, spec)
                if spec.fallback_reason:
                    logger.warning("model_falls_back", model=spec.key, reason=spec.fallback_reason)
                ends = [self._evict(self._places[key], spec) for key in evict]
                granting = asyncio.create_task(_grant(request.answer, spec, ends))
                self._granting.add(granting)
                granting.add_done_callback(self._granting.discard)
            case Wait(_, why, models):
                if request.place is not None:
                    request.place.load.waits(why, models)
            case Refuse(_, error):
                request.answer.set_exception(error)
            case Drop():
                request.answer.cancel()

    def _promise(self, request: Request, spec: WorkerSpec) -> None:
        if request.guest is not None:
            request.guest.spec = spec
            self._guests.add(request.guest)
        elif request.place is not None:
            kept_by = request.place.kept_by
            self._memory.promise(promise(spec, self._memory.needed(spec), kept_by))

    def _evict(self, place: Place, by: WorkerSpec) -> asyncio.Task[None]:
        assert place.worker is not None  # noqa: S101 - else it would not have been planned
        logger.info("model_evicted", model=place.key, by=by.key)
        self._metrics.evictions.labels(place.model_id).inc()
        if by.trains:  # it does not come back by itself, and pushes nobody out again and again
            return self._end(place, place.worker)
        if self.evictions.note(monotonic(), place.key, by.key):
            self._metrics.thrashing_evictions.labels(place.model_id).inc()
        return self._end(place, place.worker)

    def _state(self, requests: Sequence[Request]) -> State:
        asking = {one.place.key for one in requests if one.place is not None}
        held = (
            *(self._held(place, asking) for place in self._places.values() if place.worker),
            *(replace(self._memory.held(worker), leaving=True) for worker in self._ending()),
            *map(self._held_by, self._guests),
        )
        patience = self._patience.now
        waiting = tuple(one.waiting(patience) for one in requests)
        return State(monotonic(), self._memory.now(held), waiting, self._memory.needed)

    def _held(self, place: Place, asking: Collection[str]) -> Held:
        assert place.worker is not None  # noqa: S101 - the caller saw it
        return replace(
            self._memory.held(place.worker),
            calls=place.worker.calls + place.callers,
            # Somebody has to do with it, and not only waits for memory.
            loading=place.turn.locked() and not place.leaving and place.key not in asking,
            leaving=place.leaving,
            kept_by=place.kept_by,
            keep_alive_seconds=place.keep_alive_seconds,
        )

    def _held_by(self, guest: Guest) -> Held:
        if guest.worker is not None:
            return replace(self._memory.held(guest.worker), guest=True)
        return promise(guest.spec, self._memory.needed(guest.spec), guest=True)


async def _grant(
    answer: asyncio.Future[WorkerSpec], spec: WorkerSpec, ends: Sequence[asyncio.Task[None]]
) -> None:
    """Lets a start begin when those have ended that leave for it."""
    if ends:
        await asyncio.wait(ends)
    if not answer.done():  # whoever waited may have gone away
        answer.set_result(spec)
