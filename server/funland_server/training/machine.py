"""What follows for a run from how its task is, and what may be asked of it: decisions alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from funland.v1.errors_pb2 import Error
from funland.v1.tasks_pb2 import Task
from funland.v1.training_pb2 import TrainingRun

ENDED: Final = (TrainingRun.COMPLETED, TrainingRun.FAILED, TrainingRun.CANCELLED)
GOES_ON: Final = (TrainingRun.PENDING, TrainingRun.RUNNING)
RESUMABLE: Final = (TrainingRun.PAUSED, TrainingRun.FAILED, TrainingRun.CANCELLED)


class Asked(Enum):
    """What callers ask of a run."""

    PAUSE = auto()
    RESUME = auto()
    CANCEL = auto()


class Answer(Enum):
    """What becomes of that."""

    DO = auto()
    STAYS = auto()
    """It is so already, or that changes nothing."""
    REFUSE = auto()


def asked_of(state: TrainingRun.State.ValueType, asked: Asked) -> Answer:
    """What becomes of something that is asked of a run in a state."""
    match asked:
        case Asked.PAUSE:
            if state == TrainingRun.PAUSED:
                return Answer.STAYS
            return Answer.DO if state in GOES_ON else Answer.REFUSE
        case Asked.RESUME:
            return Answer.DO if state in RESUMABLE else Answer.REFUSE
        case Asked.CANCEL:
            return Answer.STAYS if state in ENDED else Answer.DO


class Follow(Enum):
    """What is to be done for a run, by how its task is."""

    NOTHING = auto()
    WAIT = auto()
    """It waits for its turn again."""
    END_PAUSED = auto()
    END_CANCELLED = auto()
    END_FAILED = auto()


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """How a run's task is."""

    state: Task.State.ValueType
    error: Error | None = None


def what_follows(
    state: TrainingRun.State.ValueType, task: TaskFacts | None, *, pausing: bool = False
) -> Follow:
    """What is to be done for a run in a state. `task` is None where there is no such task;
    `pausing` says that the task was cancelled to have the run rest."""
    if task is not None and task.state == Task.PENDING:
        # The server was stopped or lost amid it, or somebody retries the task.
        again = (TrainingRun.RUNNING, TrainingRun.FAILED, TrainingRun.CANCELLED)
        return Follow.WAIT if state in again else Follow.NOTHING
    if state not in GOES_ON:
        return Follow.NOTHING
    if task is None:
        return Follow.END_CANCELLED
    match task.state:
        case Task.CANCELLED:
            return Follow.END_PAUSED if pausing else Follow.END_CANCELLED
        case Task.FAILED:
            return Follow.END_FAILED
        case _:
            # Who does it writes its end before that of its task.
            return Follow.NOTHING
