"""Ends runs whose tasks have ended without them, and lets those wait whose tasks wait again."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import structlog

from funland.v1.errors_pb2 import Error
from funland.v1.training_pb2 import TrainingRun
from funland_server.errors import FunlandError, ServerStoppingError
from funland_server.tasks.domain import Tasks
from funland_server.tasks.errors import TaskNotFoundError
from funland_server.training import standing
from funland_server.training.errors import TrainingRunNotFoundError
from funland_server.training.leg import Parts, now
from funland_server.training.machine import Follow, TaskFacts, what_follows

logger = structlog.get_logger(__name__)

_LOOK_SECONDS: Final = 5.0
"""How often runs that have not ended are looked at, whatever was heard of their tasks."""


@dataclass(frozen=True, slots=True)
class Settling:
    """That of one home's runs."""

    parts: Parts
    tasks: Tasks
    known: dict[str, str] = field(default_factory=dict[str, str])
    """The runs of this home by their tasks."""
    pausing: set[str] = field(default_factory=set[str])
    """The runs whose tasks are cancelled to have them rest."""
    unborn: set[str] = field(default_factory=set[str])
    """The runs whose tasks are about to be submitted: they are left alone."""

    async def run(self) -> None:
        """Follows the tasks until it is cancelled, or the server stops."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._look())

    async def settle(self, run_id: str) -> None:
        """Does what follows for a run. What fails is tried again at the next look."""
        if run_id in self.unborn:
            return
        try:
            await self._step(run_id)
        except (TrainingRunNotFoundError, ServerStoppingError):
            pass  # forgotten meanwhile; or the next start goes on
        except FunlandError as error:
            logger.warning("run_not_settled", run_id=run_id, error=error.message)

    async def _step(self, run_id: str) -> None:
        known = (await self.parts.store.get(run_id)).run
        error: Error | None = None
        try:
            task = await self.tasks.get(known.task_id)
            error = task.error if task.HasField("error") else None
            facts = TaskFacts(task.state, error)
        except TaskNotFoundError:
            facts = None
        pausing = run_id in self.pausing

        def change(run: TrainingRun) -> bool:
            if run_id in self.unborn or run_id in self.parts.legs or run.task_id != known.task_id:
                return False  # it goes on, and what was found of its task is old
            match what_follows(run.state, facts, pausing=pausing):
                case Follow.NOTHING:
                    return False
                case Follow.WAIT:
                    standing.waits(run)
                case Follow.END_PAUSED:
                    standing.ended(run, TrainingRun.PAUSED, now())
                case Follow.END_CANCELLED:
                    standing.ended(run, TrainingRun.CANCELLED, now())
                case Follow.END_FAILED:
                    standing.ended(run, TrainingRun.FAILED, now(), error)
            return True

        changed = await self.parts.store.change(run_id, change)
        if changed.revision != known.revision:
            self.parts.publish(run_id)

    async def _follow(self) -> None:
        async with aclosing(self.tasks.changes.watch()) as changed:
            async for task_id in changed:
                if task_id:
                    await self._hear(task_id)

    async def _hear(self, task_id: str) -> None:
        run_id = self.known.get(task_id)
        if run_id is not None and run_id not in self.parts.legs:
            await self.settle(run_id)

    async def _look(self) -> None:
        while True:
            try:
                for run in await self.parts.store.unended():
                    await self.settle(run.run_id)
            except FunlandError as error:
                logger.warning("runs_not_settled", error=error.message)
            await asyncio.sleep(_LOOK_SECONDS)
