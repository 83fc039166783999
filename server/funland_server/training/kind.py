"""Runs as tasks."""

from __future__ import annotations

from funland.v1.tasks_pb2 import Lane, Task, TaskResult, Work
from funland.v1.training_pb2 import TrainingRun
from funland_server.tasks.kinds import Checked, Running
from funland_server.training.errors import TrainingStateWrongError
from funland_server.training.leg import Leg, Parts


class TrainingKind:
    """The kind TRAINING."""

    kind = Task.TRAINING
    lane = Lane.TRAINING_RUNS
    resumes = True

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def check(self, work: Work) -> Checked:
        """See `Kind`. What there is to look at, `SubmitTraining` has looked at."""
        kept = await self._parts.store.get(work.training.run_id)
        return Checked(kept.run.model_id, here=True)

    async def run(self, running: Running) -> TaskResult:
        """See `Kind`. It goes on from the last checkpoint, whatever has ended it."""
        parts, run_id = self._parts, running.work.training.run_id
        run = (await parts.store.get(run_id)).run
        if run.state == TrainingRun.COMPLETED:  # the server ended before the queue knew
            return TaskResult(training=run)
        if run.task_id != running.task_id:
            raise TrainingStateWrongError(
                f"Run {run_id!r} has gone on as task {run.task_id!r}.",
                run_id,
                TrainingRun.State.Name(run.state),
            )
        leg = parts.legs[run_id] = Leg(parts, running, run_id)
        try:
            return TaskResult(training=await leg.run())
        finally:
            del parts.legs[run_id]
            leg.over.set()
