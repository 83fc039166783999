"""Ends batches whose tasks have ended without them, and forgets those whose tasks are gone."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Final

import structlog

from funland.v1.batches_pb2 import Batch, BatchError
from funland.v1.errors_pb2 import Error, ErrorReason
from funland_server.batches.deciding import ENDED, Follow, TaskFacts, what_follows
from funland_server.batches.errors import BatchNotFoundError
from funland_server.batches.finishing import now
from funland_server.batches.running import Parts
from funland_server.errors import FunlandError, ServerStoppingError
from funland_server.tasks.domain import Tasks
from funland_server.tasks.errors import TaskNotFoundError
from funland_server.turns import Turns

logger = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 5.0
"""How often batches that have not ended are looked at, whatever was heard of their tasks."""

_SWEEP_SECONDS: Final = 3600.0
"""How often all are, for those whose tasks are forgotten."""


class Settling:
    """That of one home's batches."""

    def __init__(self, parts: Parts, tasks: Tasks) -> None:
        self._parts = parts
        self._tasks = tasks
        self._known: dict[str, str] = {}
        self._unborn: set[str] = set()
        self._turns = Turns[str]()

    def unborn(self, batch_id: str) -> None:
        """Leaves a batch alone whose task is not submitted yet."""
        self._unborn.add(batch_id)

    def born(self, batch_id: str, task_id: str) -> None:
        """From now on what its task does counts; without a task, it was never born."""
        self._unborn.discard(batch_id)
        if task_id:
            self._known[task_id] = batch_id

    async def run(self) -> None:
        """Follows the tasks until it is cancelled, or the server stops."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(group))
            group.create_task(self._look())
            group.create_task(self._sweep())

    async def settle(self, batch_id: str) -> None:
        """Does what follows for a batch. What fails is tried again at the next look."""
        async with self._turns.of(batch_id):
            try:
                while await self._step(batch_id):
                    pass
            except BatchNotFoundError:
                pass  # forgotten meanwhile
            except ServerStoppingError:
                pass  # the next start goes on
            except FunlandError as error:
                logger.warning("batch_not_settled", batch_id=batch_id, error=error.message)
            except Exception:
                logger.exception("batch_not_settled", batch_id=batch_id)

    async def _step(self, batch_id: str) -> bool:
        """Whether there may be more to do."""
        parts = self._parts
        batch = (await parts.store.get(batch_id)).batch
        error = Error()
        try:
            task = await self._tasks.get(batch.task_id)
            error = task.error
            facts = TaskFacts(task.state, error.reason)
        except TaskNotFoundError:
            facts = None
        match what_follows(batch.state, facts):
            case Follow.NOTHING:
                return False
            case Follow.FORGET:
                await self._forget(batch)
                return False
            case Follow.CANCEL_TASK:
                await self._tasks.cancel(batch.task_id)
                return True
            case Follow.END_CANCELLED:
                await self._end(batch, Batch.CANCELLED)
            case Follow.END_EXPIRED:
                await self._end(batch, Batch.EXPIRED)
            case Follow.END_FAILED:
                code = ErrorReason.Name(error.reason).lower() if error.reason else "task_lost"
                told = BatchError(code=code, message=error.message)
                await self._end(batch, Batch.FAILED, told)
        return False

    async def _forget(self, batch: Batch) -> None:
        parts = self._parts
        await parts.here.idle(batch.batch_id)
        await parts.store.remove(batch.batch_id)
        await asyncio.to_thread(parts.folder(batch.batch_id).remove)
        self._known.pop(batch.task_id, None)
        parts.publish(batch.batch_id)

    async def _end(
        self, batch: Batch, state: Batch.State.ValueType, error: BatchError | None = None
    ) -> None:
        parts = self._parts
        await parts.here.idle(batch.batch_id)

        def mark(batch: Batch) -> bool:
            if batch.state in ENDED:
                return False
            if state == Batch.CANCELLED:
                batch.state = Batch.CANCELLING
                if not batch.HasField("cancel_time"):
                    batch.cancel_time.CopyFrom(now())
            batch.finalize_time.CopyFrom(now())
            return True

        marked = await parts.store.change(batch.batch_id, mark)
        if marked.state not in ENDED:
            parts.publish(batch.batch_id)
            folder = parts.folder(batch.batch_id)
            await parts.finishing.finish(batch.batch_id, folder, state, error)
        parts.publish(batch.batch_id)

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        async with aclosing(self._tasks.changes.watch()) as changed:
            async for task_id in changed:
                batch_id = self._known.get(task_id)
                if batch_id is not None:
                    group.create_task(self.settle(batch_id))  # to cancel a task takes a while

    async def _look(self) -> None:
        while True:
            for batch in await self._parts.store.unended():
                if batch.batch_id not in self._unborn:
                    await self.settle(batch.batch_id)
            await asyncio.sleep(_LOOK_SECONDS)

    async def _sweep(self) -> None:
        while True:
            for batch in await self._parts.store.all():
                if batch.batch_id not in self._unborn:
                    self._known[batch.task_id] = batch.batch_id
                    await self.settle(batch.batch_id)
            await asyncio.sleep(_SWEEP_SECONDS)
