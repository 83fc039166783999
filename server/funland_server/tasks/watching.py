"""Shows tasks as they come on, those of other servers too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final

from funland.v1.tasks_pb2 import Task, TaskEvent, WatchTasksRequest
from funland_server.changes import Changes
from funland_server.tasks.errors import TaskNotFoundError
from funland_server.tasks.store import TaskStore

ENDED: Final = (Task.COMPLETED, Task.FAILED, Task.CANCELLED)
"""The states that a task does not leave by itself."""
_AT_ONCE: Final = 500

Get = Callable[[str], Awaitable[Task]]
Some = Callable[[Sequence[str]], Awaitable[list[Task]]]


class Watching:
    """What other servers change, it finds by looking every few moments."""

    def __init__(
        self, store: TaskStore, changes: Changes, *, get: Get, some: Some, seconds: float
    ) -> None:
        """`get` gives a task as it is now, `some` those of the ids that are kept, as a list has
        them; it is looked after so many seconds."""
        self._store = store
        self._changes = changes
        self._get = get
        self._some = some
        self._seconds = seconds if store.shared else None

    async def one(self, task_id: str) -> AsyncGenerator[TaskEvent]:
        """A task as it is, then whenever it has changed, until it has ended or is deleted.

        Raises:
            TaskNotFoundError: There is none of that id.
            ServerStoppingError: The server stops.
        """
        async with aclosing(self._changes.watch()) as changes:
            await anext(changes)  # from here on, no change is missed
            task = await self._get(task_id)
            yield TaskEvent(task=task)
            if task.state in ENDED:
                return
            async with aclosing(_told(changes, self._seconds)) as told:
                async for changed in told:
                    if changed not in (None, task_id):
                        continue
                    try:
                        now = await self._get(task_id)
                    except TaskNotFoundError:
                        yield TaskEvent(deleted_task_id=task_id)
                        return
                    if now.revision > task.revision:
                        task = now
                        yield TaskEvent(task=task)
                    if task.state in ENDED:
                        return

    async def all(self, request: WatchTasksRequest) -> AsyncGenerator[TaskEvent]:
        """All that have not ended and that a request asks for, then each when it has changed.

        Raises:
            ServerStoppingError: The server stops.
        """
        seen = _Seen(request)
        async with aclosing(self._changes.watch()) as changes:
            await anext(changes)
            ids = list(await self._store.unfinished())
            for event in await self._events(ids, seen):
                yield event
            async with aclosing(_told(changes, self._seconds)) as told:
                async for changed in told:
                    ids = [changed] if changed else seen.changed(await self._store.unfinished())
                    for event in await self._events(ids, seen):
                        yield event

    async def _events(self, ids: Sequence[str], seen: _Seen) -> list[TaskEvent]:
        events: list[TaskEvent] = []
        for first in range(0, len(ids), _AT_ONCE):
            part = ids[first : first + _AT_ONCE]
            found = {task.task_id: task for task in await self._some(part)}
            events += (event for one in part if (event := seen.event(one, found.get(one))))
        return events


class _Seen:
    """What one who watches all tasks was told."""

    def __init__(self, request: WatchTasksRequest) -> None:
        self._request = request
        self._revisions: dict[str, int] = {}
        """Of tasks that have not ended."""

    def changed(self, now: dict[str, int]) -> list[str]:
        """The ids of tasks that others have changed, by the revisions of those not ended."""
        anew = [one for one, revision in now.items() if self._revisions.get(one, 0) < revision]
        return [*anew, *(self._revisions.keys() - now.keys())]

    def event(self, task_id: str, task: Task | None) -> TaskEvent | None:
        """What is to be told of a task; None: nothing, since it is not what was asked for."""
        request = self._request
        if task is None:
            was = self._revisions.pop(task_id, None)
            return None if was is None else TaskEvent(deleted_task_id=task_id)
        if task.state in ENDED:
            self._revisions.pop(task_id, None)
        else:
            self._revisions[task_id] = task.revision
        kinds, caller = request.kinds, request.caller
        if (kinds and task.kind not in kinds) or (caller and task.caller != caller):
            return None
        return TaskEvent(task=task)


async def _told(changes: AsyncGenerator[str], seconds: float | None) -> AsyncGenerator[str | None]:
    """Ids as they change; None when there was none for so many seconds."""
    asked = asyncio.ensure_future(anext(changes))
    try:
        while True:
            await asyncio.wait([asked], timeout=seconds)
            if not asked.done():
                yield None
                continue
            yield asked.result()
            asked = asyncio.ensure_future(anext(changes))
    finally:
        # The generator can't be closed as long as it is asked.
        asked.cancel()
        await asyncio.wait([asked])
        if not asked.cancelled():
            asked.exception()
