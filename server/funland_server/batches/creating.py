"""Creates batches, tells of them, and ends them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from funland.v1.batches_pb2 import (
    Batch,
    CreateBatchRequest,
    ListBatchesRequest,
    ListBatchesResponse,
)
from funland.v1.tasks_pb2 import SubmitTaskRequest, Work
from funland_server.batches.deciding import CANCELLABLE, ENDED
from funland_server.batches.finishing import now
from funland_server.batches.running import Parts, endpoint_unknown
from funland_server.batches.settling import Settling
from funland_server.changes import Changes
from funland_server.live import Live
from funland_server.tasks.domain import Tasks

DAY_SECONDS: Final = 86400
_MOST_TRIES: Final = 100
"""Of a batch's task: each line has its own tries, so that only the disk can make it fail."""

_LOOK_SECONDS: Final = 1.0
"""How often a batch is looked at that another server answers."""

_PAUSE_SECONDS: Final = 0.1
"""What changes within it is told at once."""


@dataclass(frozen=True, slots=True)
class Batching:
    """The batches of one server, as its callers have them."""

    parts: Parts
    tasks: Tasks
    settling: Settling
    changes: Changes
    task_days: Live[float]
    ends: set[asyncio.Task[None]]
    """What goes on after a caller was answered."""

    async def create(self, request: CreateBatchRequest) -> Batch:
        """Keeps a batch, and tells it as it began. Raises what `BatchService.CreateBatch`
        promises."""
        parts = self.parts
        if parts.lines(request.endpoint) is None:
            raise endpoint_unknown(request.endpoint, parts.shapes)
        await parts.files.get(request.input_file_id)
        source = await parts.files.path(request.input_file_id)
        batch = _new(request)
        batch_id = batch.batch_id
        self.settling.unborn(batch_id)
        born = ""
        try:
            await asyncio.to_thread(parts.folder(batch_id).begin, source)
            await parts.store.add(batch, request)
            created = await self.get(batch_id)  # before a worker of tasks can have begun it
            await self.tasks.submit(self._submission(batch, request), task_id=batch.task_id)
            born = batch.task_id
        finally:
            self.settling.born(batch_id, born)
            if not born:
                await parts.store.remove(batch_id)
                await asyncio.to_thread(parts.folder(batch_id).remove)
        return created

    async def get(self, batch_id: str) -> Batch:
        """A batch as it is now; raises BatchNotFoundError."""
        return self.parts.here.present((await self.parts.store.get(batch_id)).batch)

    async def page(self, request: ListBatchesRequest) -> ListBatchesResponse:
        """A page of them; raises FieldInvalidError."""
        page = await self.parts.store.page(request)
        for batch in page.batches:
            self.parts.here.present(batch)
        return page

    async def cancel(self, batch_id: str) -> Batch:
        """Has a batch end; one that has, or whose lines are all answered, stays as it is. Raises
        BatchNotFoundError."""

        def mark(batch: Batch) -> bool:
            if batch.state not in CANCELLABLE:
                return False
            batch.state = Batch.CANCELLING
            batch.cancel_time.CopyFrom(now())
            return True

        batch = await self.parts.store.change(batch_id, mark)
        if batch.state == Batch.CANCELLING:
            self.changes.publish(batch_id)
            # Its lines end within a step, but its files take as long as they take.
            end = asyncio.create_task(self._end(batch))
            self.ends.add(end)
            end.add_done_callback(self.ends.discard)
        return self.parts.here.present(batch)

    async def watch(self, batch_id: str) -> AsyncGenerator[Batch]:
        """A batch as it is now, then whenever it has changed, until it has ended.

        Raises:
            BatchNotFoundError: There is none, or no more.
            ServerStoppingError: The server stops.
        """
        kept = await self.parts.store.get(batch_id)
        ours = kept.home_id == self.parts.store.home_id
        async with aclosing(self.changes.watch()) as changed:
            await anext(changed)
            last: Batch | None = None
            while True:
                batch = await self.get(batch_id)
                if batch != last:
                    yield batch
                if batch.state in ENDED:
                    return
                last = batch
                await asyncio.sleep(_PAUSE_SECONDS if ours else _LOOK_SECONDS)
                if ours:
                    async for changed_id in changed:
                        if changed_id == batch_id:
                            break

    async def _end(self, batch: Batch) -> None:
        if (await self.parts.store.get(batch.batch_id)).home_id == self.parts.store.home_id:
            await self.settling.settle(batch.batch_id)
        else:
            await self.tasks.cancel(batch.task_id)

    def _submission(self, batch: Batch, request: CreateBatchRequest) -> SubmitTaskRequest:
        retention = max(request.output_retention_seconds, int(self.task_days.now * DAY_SECONDS))
        return SubmitTaskRequest(
            work=Work(batch=batch),
            priority=request.priority,
            caller=request.caller,
            deadline=batch.expire_time,
            max_attempts=_MOST_TRIES,
            retention_seconds=retention if request.output_retention_seconds else 0,
            metadata=request.metadata,
        )


def _new(request: CreateBatchRequest) -> Batch:
    window = request.window_seconds or DAY_SECONDS
    batch = Batch(
        batch_id=f"batch_{uuid.uuid4().hex}",
        endpoint=request.endpoint,
        input_file_id=request.input_file_id,
        state=Batch.VALIDATING,
        create_time=now(),
        metadata=request.metadata,
        task_id=f"task-{uuid.uuid4().hex}",
        window_seconds=window,
    )
    expires = batch.create_time.ToDatetime() + timedelta(seconds=window)
    batch.expire_time.FromDatetime(expires)
    return batch
