"""A task that this server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from funland.v1.tasks_pb2 import Task, TaskResult, Work
from funland_server.tasks.claiming import Claimed
from funland_server.tasks.deciding import Cut
from funland_server.tasks.ending import Fence


@dataclass(frozen=True, slots=True)
class Told:
    """How far a task is, beyond what its row says."""

    percent: float | None
    text: str
    revision: int


class Run:
    """See `kinds.Running`: it is what a kind is told of a task."""

    def __init__(self, claimed: Claimed, owner: str, tell: Callable[[str], None]) -> None:
        """`tell` is told the id when it has come on."""
        row = claimed.row
        self._work = claimed.work
        self._tell = tell
        self._row = row
        self.fence = Fence(owner, row.attempts)
        self.deadline: int | None = row.deadline
        self.cut: Cut | None = None
        """Why it was ended; None: it was not."""
        self.carried: asyncio.Task[None] | None = None
        """Carries it until its end is written; nobody cancels that."""
        self._working: asyncio.Task[TaskResult] | None = None
        self.told = Told(None, "", row.revision)
        self.saved = self.told
        """What the row says."""

    @property
    def task_id(self) -> str:
        """The task's id."""
        return self._row.task_id

    @property
    def kind(self) -> Task.Kind.ValueType:
        """What is done."""
        return self._row.kind

    @property
    def lane(self) -> int:
        """Where it runs."""
        return self._row.lane

    @property
    def failures(self) -> int:
        """How often it has failed for what may pass."""
        return self._row.failures

    @property
    def max_attempts(self) -> int:
        """How often it may."""
        return self._row.max_attempts

    @property
    def lacked_by(self) -> str:
        """The homes whose servers could not do it, parted by blanks."""
        return self._row.lacked_by

    @property
    def work(self) -> Work:
        """What is to be done."""
        return Work.FromString(self._work)

    @property
    def model(self) -> str:
        """The model that it is for; empty: none."""
        return self._row.model

    @property
    def key_id(self) -> str:
        """The access key that it was submitted with; empty: none."""
        return Task.FromString(self._row.metadata).key_id

    @property
    def attempt(self) -> int:
        """Which try it is, from 1."""
        return self.fence.attempt

    @property
    def unwanted(self) -> bool:
        """Whether nobody wants it any more, so that what it began elsewhere is to be ended too."""
        return self.cut in (Cut.CANCELLED, Cut.LATE)

    def progress(self, percent: float | None, text: str = "") -> None:
        """Tells how far it is, as often as one likes."""
        if percent is not None:
            percent = min(max(percent, 0.0), 100.0)
        if (percent, text) != (self.told.percent, self.told.text):
            self.told = Told(percent, text, self.told.revision + 1)
            self._tell(self.task_id)

    def stop(self, cut: Cut) -> None:
        """Ends it within a step; the first reason counts."""
        if self.cut is None:
            self.cut = cut
            if self._working is not None:
                self._working.cancel()

    async def work_to_its_end(self, work: Coroutine[Any, Any, TaskResult]) -> TaskResult:
        """Does the work, and gives or raises what it does; CancelledError if it was ended."""
        self._working = asyncio.create_task(work)
        if self.cut is not None:
            self._working.cancel()
        await asyncio.wait([self._working])
        return self._working.result()

    def show(self, task: Task) -> None:
        """Makes what a row says of it what it is now."""
        if task.state == Task.PROCESSING and task.attempts == self.attempt:
            if self.told.percent is not None:
                task.progress_percent = self.told.percent
            task.progress_text = self.told.text
            task.revision = max(task.revision, self.told.revision)
