"""What becomes of a task that has not succeeded: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, TypeAlias

from funland.v1.errors_pb2 import Error
from funland.v1.tasks_pb2 import Task
from funland_server.tasks.errors import TaskLostError, TaskTimeoutError

MOST_LOSSES: Final = 100
"""In a row; then the task itself is what ends the servers."""
_FIRST_PAUSE: Final = 2.0
_LONGEST_PAUSE: Final = 600.0
_MAY_PASS: Final = ("UNAVAILABLE", "ABORTED")


class Cut(Enum):
    """Why a task is ended amid its work."""

    CANCELLED = auto()
    """Somebody wants so."""
    LATE = auto()
    """Its deadline has passed."""
    STOPPING = auto()
    """The server stops."""
    LOST = auto()
    """Another server may have it: this one could not say in time that it lives."""


@dataclass(frozen=True, slots=True)
class End:
    """It is over."""

    state: Task.State.ValueType
    error: Error | None = None


@dataclass(frozen=True, slots=True)
class Again:
    """It is tried again, and that was a failure."""

    seconds: float
    """Not before."""
    error: Error


@dataclass(frozen=True, slots=True)
class Back:
    """It waits again as if it had not been begun."""

    lost: bool = False
    """Whether its server was."""
    lacked_by: str | None = None
    """The homes whose servers could not do it; None: those that are known."""


Verdict: TypeAlias = End | Again | Back


def after_failure(error: Error, failures: int, max_attempts: int) -> Verdict:
    """`failures` are those before for what may pass."""
    if not may_pass(error) or failures + 1 >= max_attempts:
        return End(Task.FAILED, error)
    seconds = min(_FIRST_PAUSE * 2.0 ** min(failures, 32), _LONGEST_PAUSE)
    if error.HasField("retry_delay"):
        seconds = error.retry_delay.ToTimedelta().total_seconds()
    return Again(seconds, error)


def may_pass(error: Error) -> bool:
    """Whether another try may succeed where nothing else has changed."""
    if error.code == "RESOURCE_EXHAUSTED":
        return error.HasField("retry_delay")
    return error.code in _MAY_PASS


def after_cut(cut: Cut, task_id: str) -> Verdict | None:
    """None: nothing is written, since the task is another's."""
    match cut:
        case Cut.CANCELLED:
            return End(Task.CANCELLED)
        case Cut.LATE:
            return late(task_id)
        case Cut.STOPPING:
            return Back()
        case Cut.LOST:
            return None


def after_not_here(cause: Error, home_id: str, lacked_by: str, others: Collection[str]) -> Verdict:
    """What becomes of a task that a home's server could not do, and before it those of `lacked_by`;
    `others` are the homes of all that know the kind."""
    lacking = {*lacked_by.split(), home_id}
    if lacking.issuperset(others):
        return End(Task.FAILED, cause)
    return Back(lacked_by=" ".join(sorted(lacking)))


def after_loss(
    task_id: str, losses: int, *, cancelling: bool, deadline: int | None, now: int
) -> Verdict:
    """`losses` are those before, in a row; times are in microseconds."""
    if cancelling:
        return End(Task.CANCELLED)
    if is_late(deadline, now):
        return late(task_id)
    if losses + 1 >= MOST_LOSSES:
        return End(Task.FAILED, TaskLostError(task_id, losses + 1).to_wire())
    return Back(lost=True)


def is_late(deadline: int | None, now: int) -> bool:
    """Whether a deadline has passed."""
    return deadline is not None and deadline <= now


def late(task_id: str) -> End:
    """What becomes of a task whose deadline has passed."""
    return End(Task.FAILED, TaskTimeoutError(task_id).to_wire())
