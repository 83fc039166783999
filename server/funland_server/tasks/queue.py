"""What callers ask of tasks: to keep them, to show them, to end them, to forget them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from funland.v1.tasks_pb2 import (
    Lane,
    ListTasksRequest,
    SubmitTaskRequest,
    Task,
    TaskEvent,
    WatchTasksRequest,
    Webhook,
)
from funland_server.changes import Changes
from funland_server.identity import caller
from funland_server.live import Live
from funland_server.tasks import estimating
from funland_server.tasks.clock import Clock
from funland_server.tasks.errors import TaskNotFoundError
from funland_server.tasks.kinds import Checked, Kind
from funland_server.tasks.rows import kept_key, new_row
from funland_server.tasks.runner import Runner
from funland_server.tasks.store import Limits, TaskStore
from funland_server.tasks.submitting import New
from funland_server.tasks.watching import ENDED, Watching

LANES: Final = {
    Task.CHAT: Lane.LANGUAGE,
    Task.GENERATE: Lane.LANGUAGE,
    Task.EMBED: Lane.LANGUAGE,
    Task.PLUGIN: Lane.PLUGINS,
    Task.BATCH: Lane.BATCHES,
    Task.DOWNLOAD: Lane.DOWNLOADS,
    Task.SPEECH: Lane.SPEECH,
    Task.SPEECH_BATCH: Lane.SPEECH,
    Task.TRANSCRIPTION: Lane.SPEECH,
    Task.IMAGES: Lane.PICTURES,
    Task.TRAINING: Lane.TRAINING_RUNS,
}
"""Where the tasks of a kind wait."""
_KINDS: Final = {
    "chat": Task.CHAT,
    "generate": Task.GENERATE,
    "embed": Task.EMBED,
    "plugin": Task.PLUGIN,
    "batch": Task.BATCH,
    "download": Task.DOWNLOAD,
    "speech": Task.SPEECH,
    "speech_batch": Task.SPEECH_BATCH,
    "transcription": Task.TRANSCRIPTION,
    "images": Task.IMAGES,
    "training": Task.TRAINING,
}
"""By the names of `Work`."""
_MAKE_FILES: Final = (Task.PLUGIN, Task.BATCH, Task.SPEECH, Task.SPEECH_BATCH, Task.IMAGES)


class TaskFiles(Protocol):
    """The files that tasks make."""

    async def delete_of(self, task_id: str) -> None:
        """Removes those of a task."""
        ...

    async def ids_of(self, task_id: str) -> list[str]:
        """Those of a task."""
        ...


class Queue:
    """All tasks of a database."""

    def __init__(
        self,
        store: TaskStore,
        runner: Runner,
        changes: Changes,
        *,
        home_id: str,
        files: TaskFiles | None,
        limits: Live[Limits],
        places: Callable[[int], int],
        clock: Clock,
        seconds: float,
        check_webhook: Callable[[Webhook], None],
    ) -> None:
        """`places` says how many tasks of a lane run at once; what other servers do is looked for
        every so many seconds; `check_webhook` raises the FunlandError of one that can't be told."""
        self._store = store
        self._runner = runner
        self._changes = changes
        self._home_id = home_id
        self._files = files
        self._limits = limits
        self._places = places
        self._clock = clock
        self._check_webhook = check_webhook
        self._last_number = 0
        self._watching = Watching(store, changes, get=self.get, some=self._some, seconds=seconds)

    async def submit(self, request: SubmitTaskRequest, *, task_id: str = "") -> Task:
        """Keeps a task. With an id, it is that of the task: once it is kept, it is answered.

        Raises:
            FunlandError: What `TaskService.SubmitTask` promises.
        """
        return await self.get(await self.keep(request, task_id=task_id))

    async def keep(self, request: SubmitTaskRequest, *, task_id: str = "") -> str:
        """As `submit`, but gives the task's id alone."""
        number = _KINDS[request.work.WhichOneof("call") or "chat"]
        kind = self._kind(number)
        checked = await kind.check(request.work) if kind is not None else Checked()
        self._last_number = max(self._clock.micros(), self._last_number + 1)
        row = new_row(
            request,
            checked,
            task_id=task_id or f"task-{uuid.uuid4().hex}",
            number=self._last_number,
            home_id=self._home_id,
            kind=number,
            lane=LANES[number],
            key_id=caller().key_id,
        )
        webhook = None
        if request.HasField("webhook"):
            self._check_webhook(request.webhook)
            webhook = request.webhook.url, request.webhook.secret
        who = caller()
        row["caller"] = row["caller"] or who.username
        row["idempotency_key"] = kept_key(request.idempotency_key, who.user_id)
        new = New(row, request.work, who.user_id, given_id=bool(task_id), webhook=webhook)
        self._runner.traces.submitted(row["task_id"])
        kept = await self._store.add(new)
        self._changes.publish(kept)
        self._runner.look()
        return kept

    async def get(self, task_id: str, *, whole: bool = True) -> Task:
        """A task as it is now; raises TaskNotFoundError."""
        found = await self._store.get(task_id, whole=whole)
        if found is None:
            raise TaskNotFoundError(task_id)
        task, mean = found
        await self._show(task)
        if task.HasField("position"):
            estimate = estimating.start(
                self._clock.micros(), task.position, self._places(task.lane), mean
            )
            if estimate is not None:
                task.estimated_start_time.FromMicroseconds(estimate)
        return task

    async def page(self, request: ListTasksRequest) -> tuple[list[Task], str, int]:
        """A page, the next one's token, and how many there are on all; raises
        FieldInvalidError."""
        tasks, token, total = await self._store.page(request)
        for task in tasks:
            await self._show(task)
        return tasks, token, total

    async def cancel(self, task_id: str) -> Task:
        """Ends a task, and gives it when it has ended; raises TaskNotFoundError."""
        running = await self._store.cancel(task_id)
        self._changes.publish(task_id)
        if running is not None:
            self._runner.cancel(task_id)
        async with aclosing(self._watching.one(task_id)) as events:
            async for event in events:
                if event.HasField("deleted_task_id"):
                    raise TaskNotFoundError(task_id)
                if event.task.state in ENDED:
                    return event.task
                # It was not running when it was asked to end, or is again.
                if event.task.state == Task.PENDING:
                    await self._store.cancel(task_id)
                    self._changes.publish(task_id)
        raise TaskNotFoundError(task_id)

    async def retry(self, task_id: str) -> Task:
        """Has a task run once more; raises TaskNotFoundError, TaskNotRetryableError,
        LaneFullError."""
        await self._store.retry(task_id)
        self._changes.publish(task_id)
        self._runner.look()
        return await self.get(task_id)

    async def delete(self, task_id: str) -> None:
        """Forgets a task and all that is kept of it; raises TaskNotFoundError."""
        await self.cancel(task_id)
        while not await self._forget([task_id]):  # it was begun anew meanwhile
            await self.cancel(task_id)

    async def forget_expired(self) -> int:
        """Forgets those whose time is over, some at a time; gives how many."""
        return len(await self._forget(await self._store.expired()))

    def watch(self, task_id: str) -> AsyncGenerator[TaskEvent]:
        """See `Watching.one`."""
        return self._watching.one(task_id)

    def watch_all(self, request: WatchTasksRequest) -> AsyncGenerator[TaskEvent]:
        """See `Watching.all`."""
        return self._watching.all(request)

    async def lanes(self) -> list[Lane]:
        """How full the lanes are."""
        full = await self._store.fullness()
        capacity = self._limits.now.capacity
        lanes: list[Lane] = []
        for name in dict.fromkeys(LANES.values()):
            lane = Lane(
                name=name,
                limit=self._places(name),
                running=full.running[name],
                waiting=full.waiting[name],
                capacity=capacity,
            )
            if (mean := await self._store.mean_seconds(name)) is not None:
                lane.mean_duration.FromMicroseconds(round(mean * 1e6))
            lanes.append(lane)
        return lanes

    def _kind(self, number: Task.Kind.ValueType) -> Kind | None:
        return self._runner.kinds.get(number)

    async def _forget(self, ids: Sequence[str]) -> list[str]:
        if self._files is not None:
            for task_id in ids:
                await self._files.delete_of(task_id)
        removed = await self._store.remove(ids) if ids else []
        for task_id in removed:
            self._changes.publish(task_id)
        return removed

    async def _some(self, ids: Sequence[str]) -> list[Task]:
        tasks = await self._store.some(list(ids))
        for task in tasks:
            await self._show(task)
        return tasks

    async def _show(self, task: Task) -> None:
        """Makes what is kept of a task what it is now."""
        if (run := self._runner.find(task.task_id)) is not None:
            run.show(task)
        if self._files is not None and task.kind in _MAKE_FILES:
            task.file_ids.extend(await self._files.ids_of(task.task_id))
