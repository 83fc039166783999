"""What the events of a task, a batch or a training run that is followed mean, and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import grpc

from funland.v1.batches_pb2 import Batch
from funland.v1.tasks_pb2 import Task, TaskEvent
from funland.v1.training_pb2 import TrainingRun
from funland_client.errors import (
    BatchFailedError,
    BatchStoppedError,
    FunlandError,
    StreamBrokenError,
    TaskError,
    TaskStoppedError,
)
from funland_client.status import error_from_wire

Event = TypeVar("Event")
State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class Followed(Generic[Event, State]):
    """How to follow something to its end."""

    name: str
    seen: Callable[[Event], State | None]
    """The state that an event tells of, if it does; raises what says that there is none more."""
    has_ended: Callable[[State | None], bool]
    failure: Callable[[State], FunlandError | None]
    """What to raise for the last state."""

    def check_end(self, last: State | None) -> None:
        """Raises StreamBrokenError if a stream has ended though what it tells of goes on."""
        if not self.has_ended(last):
            raise StreamBrokenError(
                f"The connection to the server was lost; the {self.name} goes on.",
                code=grpc.StatusCode.UNAVAILABLE,
            )


_TASK_ENDED: Final = frozenset({Task.COMPLETED, Task.FAILED, Task.CANCELLED})
_BATCH_ENDED: Final = frozenset({Batch.COMPLETED, Batch.FAILED, Batch.EXPIRED, Batch.CANCELLED})
_RUN_ENDED: Final = frozenset({TrainingRun.COMPLETED, TrainingRun.FAILED, TrainingRun.CANCELLED})


def training_has_ended(run: TrainingRun | None) -> bool:
    """Whether a training run learns no more, unless it is resumed; one that is PAUSED has not."""
    return run is not None and run.state in _RUN_ENDED


def task_has_ended(task: Task | None) -> bool:
    """Whether a task runs no more, for whatever reason."""
    return task is not None and task.state in _TASK_ENDED


def task_failure(task: Task) -> FunlandError | None:
    """What to raise for a task that has ended; None if it has a result."""
    if task.state == Task.COMPLETED:
        return None
    if task.state == Task.CANCELLED:
        return TaskStoppedError("The task was cancelled.", task)
    if task.HasField("error"):
        return error_from_wire(task.error)
    return TaskError("The task has failed, and does not say why.")


def _task_seen(event: TaskEvent) -> Task | None:
    match event.WhichOneof("event"):
        case "task":
            return event.task
        case "deleted_task_id":
            raise TaskStoppedError("The task was deleted.", None)
        case _:  # Kinds may be added.
            return None


def batch_has_ended(batch: Batch | None) -> bool:
    """Whether no more lines of a batch are answered, for whatever reason."""
    return batch is not None and batch.state in _BATCH_ENDED


def batch_failure(batch: Batch) -> FunlandError | None:
    """What to raise for a batch that has ended; None if all its lines were answered."""
    match batch.state:
        case Batch.COMPLETED:
            return None
        case Batch.FAILED:
            return BatchFailedError(_wrong(batch), batch)
        case Batch.EXPIRED:
            word = "ran out of time"
        case _:
            word = "was cancelled"
    answered = batch.completed_lines + batch.failed_lines
    return BatchStoppedError(
        f"The batch {word}: {answered} of {batch.total_lines} lines were answered.", batch
    )


def _wrong(batch: Batch) -> str:
    if not batch.errors:
        return "The batch has failed, and does not say why."
    first, *others = batch.errors
    where = f"line {first.line}: " if first.HasField("line") else ""
    more = f" ({len(others)} more)" if others else ""
    return f"The batch's file is wrong: {where}{first.message}{more}"


def _batch_seen(batch: Batch) -> Batch | None:
    return batch


TASK: Final = Followed("task", _task_seen, task_has_ended, task_failure)
BATCH: Final = Followed("batch", _batch_seen, batch_has_ended, batch_failure)
