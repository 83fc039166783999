"""What follows for a batch and for a line."""

from __future__ import annotations

import pytest

from funland.v1.batches_pb2 import Batch
from funland.v1.errors_pb2 import ErrorReason
from funland.v1.tasks_pb2 import Task
from funland_server.batches.deciding import (
    MOST_TRIES,
    Again,
    Failure,
    Follow,
    TaskFacts,
    Then,
    Tries,
    after_failure,
    what_follows,
)

LOST = Failure("UNAVAILABLE", ErrorReason.WORKER_LOST)
LOAD_FAILED = Failure("FAILED_PRECONDITION", ErrorReason.MODEL_LOAD_FAILED)
BACKING_OFF = Failure("UNAVAILABLE", ErrorReason.MODEL_BACKING_OFF, 7.0)


@pytest.mark.parametrize(
    ("failure", "tries", "expected"),
    [
        (Failure("NOT_FOUND", ErrorReason.MODEL_NOT_FOUND), Tries(), Then.TOLD),
        (Failure("INVALID_ARGUMENT", ErrorReason.PROMPT_TOO_LONG), Tries(), Then.TOLD),
        (Failure("RESOURCE_EXHAUSTED", ErrorReason.TEMPLATE_LIMIT), Tries(), Then.TOLD),
        (Failure("RESOURCE_EXHAUSTED", ErrorReason.QUEUE_FULL, 3.0), Tries(), Again(3.0)),
        (Failure("RESOURCE_EXHAUSTED", ErrorReason.QUEUE_FULL, 0.0), Tries(99, 0), Again(1.0)),
        (LOST, Tries(), Again(1.0)),
        (LOST, Tries(1, 1), Then.ALONE),
        (LOST, Tries(2, 2), Then.TOLD),
        (LOST, Tries(3, 1), Then.ALONE),
        (LOAD_FAILED, Tries(), Again(1.0)),
        (LOAD_FAILED, Tries(1), Again(2.0)),
        (LOAD_FAILED, Tries(2), Then.TOLD),
        (BACKING_OFF, Tries(), Again(7.0)),
        (BACKING_OFF, Tries(4, 0), Again(16.0)),
        (BACKING_OFF, Tries(7, 0), Again(60.0)),
        (BACKING_OFF, Tries(MOST_TRIES - 1, 0), Then.TOLD),
    ],
)
def test_a_failure_is_tried_again_alone_or_told(
    failure: Failure, tries: Tries, expected: object
) -> None:
    assert after_failure(failure, tries) == expected


def test_a_line_that_ends_its_worker_is_told_after_it_was_alone() -> None:
    tries = Tries()

    assert after_failure(LOST, tries) == Again(1.0)
    assert after_failure(LOST, tries) is Then.ALONE
    assert after_failure(LOST, tries) is Then.TOLD


PENDING, RUNNING = TaskFacts(Task.PENDING), TaskFacts(Task.PROCESSING)
CANCELLED = TaskFacts(Task.CANCELLED)
LATE = TaskFacts(Task.FAILED, ErrorReason.TASK_TIMEOUT)
TASK_LOST = TaskFacts(Task.FAILED, ErrorReason.TASK_LOST)


@pytest.mark.parametrize(
    ("state", "task", "expected"),
    [
        (Batch.VALIDATING, None, Follow.FORGET),
        (Batch.COMPLETED, None, Follow.FORGET),
        (Batch.VALIDATING, PENDING, Follow.NOTHING),
        (Batch.IN_PROGRESS, RUNNING, Follow.NOTHING),
        (Batch.CANCELLING, PENDING, Follow.CANCEL_TASK),
        (Batch.CANCELLING, RUNNING, Follow.CANCEL_TASK),
        (Batch.CANCELLING, CANCELLED, Follow.END_CANCELLED),
        (Batch.CANCELLING, LATE, Follow.END_CANCELLED),
        (Batch.IN_PROGRESS, CANCELLED, Follow.END_CANCELLED),
        (Batch.VALIDATING, LATE, Follow.END_EXPIRED),
        (Batch.IN_PROGRESS, LATE, Follow.END_EXPIRED),
        (Batch.IN_PROGRESS, TASK_LOST, Follow.END_FAILED),
        (Batch.FINALIZING, TASK_LOST, Follow.END_FAILED),
        (Batch.FAILED, TASK_LOST, Follow.NOTHING),
        (Batch.EXPIRED, LATE, Follow.NOTHING),
        (Batch.COMPLETED, RUNNING, Follow.NOTHING),
        (Batch.CANCELLED, CANCELLED, Follow.NOTHING),
    ],
)
def test_a_batch_follows_its_task(
    state: Batch.State.ValueType, task: TaskFacts | None, expected: Follow
) -> None:
    assert what_follows(state, task) is expected
