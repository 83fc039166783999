"""What can go wrong with tasks.

FunlandError
└── ToldError                  what failed beside a task, with the reason of that
NotFoundError
└── TaskNotFoundError          TASK_NOT_FOUND
FailedPreconditionError
└── TaskNotRetryableError      TASK_NOT_RETRYABLE
DeadlinePassedError
└── TaskTimeoutError           TASK_TIMEOUT
AbortedError
└── TaskLostError              TASK_LOST
ResourceExhaustedError
└── LaneFullError              LANE_FULL
AlreadyExistsError
└── IdempotencyKeyReusedError  IDEMPOTENCY_KEY_REUSED
"""

from __future__ import annotations

from funland.v1.errors_pb2 import Error, ErrorReason
from funland_server.errors import (
    AbortedError,
    AlreadyExistsError,
    DeadlinePassedError,
    FailedPreconditionError,
    FunlandError,
    NotFoundError,
    ResourceExhaustedError,
)


class ToldError(FunlandError):
    """What failed beside a task, and was kept as the contract's error."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message, **error.metadata)
        self._error = error

    def to_wire(self, request_id: str = "") -> Error:
        """As it was kept."""
        return self._error


class TaskNotFoundError(NotFoundError):
    """No task has that id."""

    reason = ErrorReason.TASK_NOT_FOUND

    def __init__(self, task_id: str) -> None:
        super().__init__(
            f"There is no task {task_id!r}; `funland tasks` shows those that are.",
            task_id=task_id,
        )


class TaskNotRetryableError(FailedPreconditionError):
    """The task is neither failed nor cancelled."""

    reason = ErrorReason.TASK_NOT_RETRYABLE

    def __init__(self, task_id: str, state: str) -> None:
        super().__init__(
            f"Task {task_id!r} is {state}: only one that is FAILED or CANCELLED is run once more.",
            task_id=task_id,
            state=state,
        )


class TaskTimeoutError(DeadlinePassedError):
    """The task had not ended at its deadline."""

    reason = ErrorReason.TASK_TIMEOUT

    def __init__(self, task_id: str) -> None:
        FunlandError.__init__(
            self, f"Task {task_id!r} had not ended at its deadline.", task_id=task_id
        )


class TaskLostError(AbortedError):
    """The server ended amid the task, again and again."""

    reason = ErrorReason.TASK_LOST

    def __init__(self, task_id: str, losses: int) -> None:
        super().__init__(
            f"The server ended {losses} times amid task {task_id!r}; retry it when you know why.",
            task_id=task_id,
            losses=str(losses),
        )


class LaneFullError(ResourceExhaustedError):
    """As many tasks of a lane wait as may."""

    reason = ErrorReason.LANE_FULL

    def __init__(self, lane: str, capacity: int) -> None:
        super().__init__(
            f"{capacity} tasks wait in the lane {lane} already; try again later.",
            lane=lane,
            capacity=str(capacity),
        )
        self.retry_seconds = 5.0


class IdempotencyKeyReusedError(AlreadyExistsError):
    """The key belongs to a task of other work."""

    reason = ErrorReason.IDEMPOTENCY_KEY_REUSED

    def __init__(self, key: str, task_id: str) -> None:
        super().__init__(
            f"The idempotency key {key!r} belongs to task {task_id!r}, whose work is another.",
            idempotency_key=key,
            task_id=task_id,
        )
