"""Workers beside those of the pool: each is for one caller alone, who measures something
or trains."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic

import structlog

from funland.worker.v1.worker_pb2 import Step
from funland_server.errors import ServerStoppingError
from funland_server.live import Live
from funland_server.workers.launch import launch
from funland_server.workers.room import Room
from funland_server.workers.spec import MakeSpec
from funland_server.workers.watchdog import Patience
from funland_server.workers.worker import Worker

logger = structlog.get_logger(__name__)


class Guests:
    """They take memory as others do, but idle models leave only for one that trains, and none is
    theirs: the pool's worker of the same model goes on, or leaves as others do."""

    def __init__(
        self,
        room: Room,
        load_timeout_seconds: Live[float],
        patience: Callable[[], Patience],
        look: Callable[[Sequence[str]], Awaitable[None]],
    ) -> None:
        """`look` is called before one is placed, with the ids of the devices that it names."""
        self._room = room
        self._look = look
        self._load_timeout = load_timeout_seconds
        self._patience = patience
        self._workers: set[Worker] = set()
        self._stopping = False

    @asynccontextmanager
    async def loaded(
        self, make_spec: MakeSpec, observe: Callable[[Step, int], None]
    ) -> AsyncGenerator[Worker]:
        """A worker until the block ends; then its process ends at once. `observe` is called with
        each step before anybody reads what it brought; see `Worker`.

        Raises:
            ModelTooLargeError: There is not enough memory beside what is loaded and stays.
            FunlandError: It can't be loaded, or the server is stopping.
        """
        self._check()
        spec = await asyncio.to_thread(make_spec)
        await self._look(spec.settings.device_ids)
        begin = monotonic()
        async with self._room.beside(spec) as guest:
            process = await launch(guest.spec, self._load_timeout.now)
            load_ms = 1e3 * (monotonic() - begin)
            worker = Worker(spec.model_id, process, observe, load_ms, self._patience())
            self._workers.add(worker)
            guest.worker = worker
            try:
                self._check()
                logger.info("guest_loaded", model=spec.model_id, pid=process.pid, ms=round(load_ms))
                yield worker
            finally:
                self._workers.discard(worker)
                process.kill()  # it has nothing to put in order
                await worker.end()

    async def close(self) -> None:
        """Ends them all, and lets none begin."""
        self._stopping = True
        for worker in [*self._workers]:
            worker.process.kill()
            await worker.end(lambda _: ServerStoppingError())

    def _check(self) -> None:
        if self._stopping:
            raise ServerStoppingError
