"""What follows for a batch and for a line: decisions alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from funland.v1.batches_pb2 import Batch
from funland.v1.errors_pb2 import ErrorReason
from funland.v1.tasks_pb2 import Task

ENDED: Final = (Batch.COMPLETED, Batch.FAILED, Batch.EXPIRED, Batch.CANCELLED)

CANCELLABLE: Final = (Batch.VALIDATING, Batch.IN_PROGRESS)
"""Later, all lines are answered; what is left is to make the files."""

MOST_LOSSES: Final = 3
"""With how many lost workers a line fails: the last of them was computing it alone."""

MOST_TRIES: Final = 10
"""How often a line is tried whose model can't be had. Together they take some minutes."""

MOST_LOADS: Final = 3
"""With which failure a line fails whose model can't be loaded: most often that does not pass, but
there may have been no memory for it, or somebody ended its worker."""

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 60.0


@dataclass(frozen=True, slots=True)
class Failure:
    """How a line's call failed."""

    code: str
    reason: ErrorReason.ValueType
    retry_seconds: float | None = None


@dataclass(slots=True)
class Tries:
    """What was tried for a line."""

    failures: int = 0
    """Those that may pass, full queues apart."""
    losses: int = 0
    """Workers that ended amid it."""


@dataclass(frozen=True, slots=True)
class Again:
    """The line is tried again after a pause."""

    seconds: float


class Then(Enum):
    """Other ends of a try."""

    ALONE = auto()
    """It is tried again when no other line is: it may be what ends its model's worker."""
    TOLD = auto()
    """The failure is the line's answer."""


Next: TypeAlias = Again | Then


def after_failure(failure: Failure, tries: Tries) -> Next:
    """What follows when a line's call failed; `tries` has this failure counted on return."""
    if failure.code == "RESOURCE_EXHAUSTED" and failure.retry_seconds is not None:
        # There is no room because others are served. That passes, and is nobody's failure.
        return Again(max(failure.retry_seconds, _FIRST_PAUSE))
    loading = failure.reason == ErrorReason.MODEL_LOAD_FAILED
    if failure.code not in ("UNAVAILABLE", "ABORTED") and not loading:
        return Then.TOLD
    lost = failure.reason == ErrorReason.WORKER_LOST
    tries.failures += 1
    tries.losses += lost
    if tries.losses >= MOST_LOSSES or tries.failures >= (MOST_LOADS if loading else MOST_TRIES):
        return Then.TOLD
    if lost and tries.losses == MOST_LOSSES - 1:
        return Then.ALONE
    pause = min(_FIRST_PAUSE * 2 ** (tries.failures - 1), _LONGEST_PAUSE)
    return Again(max(failure.retry_seconds or 0.0, pause))


class Follow(Enum):
    """What is to be done for a batch, by how its task is."""

    NOTHING = auto()
    FORGET = auto()
    """Its task is gone, and it with that."""
    CANCEL_TASK = auto()
    """It was asked to end, and its task does not know."""
    END_CANCELLED = auto()
    END_EXPIRED = auto()
    END_FAILED = auto()


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """How a batch's task is."""

    state: Task.State.ValueType
    reason: ErrorReason.ValueType = ErrorReason.ERROR_REASON_UNSPECIFIED
    """Why it failed."""


def what_follows(state: Batch.State.ValueType, task: TaskFacts | None) -> Follow:
    """What is to be done for a batch in a state; `task` is None where there is no such task."""
    if task is None:
        return Follow.FORGET
    if state in ENDED:
        return Follow.NOTHING
    if task.state in (Task.PENDING, Task.PROCESSING):
        return Follow.CANCEL_TASK if state == Batch.CANCELLING else Follow.NOTHING
    if state == Batch.CANCELLING or task.state == Task.CANCELLED:
        return Follow.END_CANCELLED
    if task.reason == ErrorReason.TASK_TIMEOUT:
        return Follow.END_EXPIRED
    return Follow.END_FAILED
