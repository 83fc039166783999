"""Forgets tasks whose time is over, counts those that wait, and says how the queue is."""

from __future__ import annotations

import asyncio

import structlog

from funland.v1.system_pb2 import PartHealth
from funland.v1.tasks_pb2 import Lane, Task
from funland_server.domain import Health
from funland_server.errors import FunlandError
from funland_server.metrics import Metrics
from funland_server.tasks.membership import Membership
from funland_server.tasks.pace import Pace
from funland_server.tasks.queue import LANES, Queue
from funland_server.tasks.store import TaskStore

logger = structlog.get_logger(__name__)


class Housekeeping:
    """What is done for the queue unasked, on each server."""

    def __init__(
        self,
        queue: Queue,
        store: TaskStore,
        membership: Membership,
        metrics: Metrics,
        pace: Pace,
    ) -> None:
        self._queue = queue
        self._store = store
        self._membership = membership
        self._metrics = metrics
        self._pace = pace
        self._keeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Does it for ever."""
        self._keeping = asyncio.create_task(self._keep_house_for_ever())

    async def stop(self) -> None:
        """Does it no more; twice is no error."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])

    async def keep_house(self) -> None:
        """Does it once."""
        full = await self._store.fullness()
        for lane in set(LANES.values()):
            self._metrics.tasks_waiting.labels(Lane.Name.Name(lane)).set(full.waiting[lane])
        while await self._queue.forget_expired():
            pass

    async def health(self) -> Health:
        """How the queue is."""
        if not self._membership.lives:
            return Health(
                PartHealth.FAILED,
                "This server can't write that it lives, and runs no tasks until it can.",
            )
        kind = await self._store.waiting_kind_beside(self._membership.known_kinds)
        if kind is not None:
            return Health(
                PartHealth.DEGRADED,
                f"Tasks wait whose kind {_name(kind)} no server knows: start one that does, or"
                " cancel them.",
            )
        return Health()

    async def _keep_house_for_ever(self) -> None:
        while True:
            try:
                await self.keep_house()
            except FunlandError as error:
                logger.warning("tasks_not_tidied", error=error.message)
            except Exception:
                logger.exception("tasks_not_tidied")
            await asyncio.sleep(self._pace.housekeeping_seconds)


def _name(kind: int) -> str:
    found = Task.Kind.DESCRIPTOR.values_by_number.get(kind)
    return str(kind) if found is None else found.name
