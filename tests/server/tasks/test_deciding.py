"""What becomes of a task that has not succeeded."""

from __future__ import annotations

from datetime import timedelta

import pytest

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.tasks_pb2 import Task
from funland_server.tasks.deciding import (
    Again,
    Back,
    Cut,
    End,
    Verdict,
    after_cut,
    after_failure,
    after_loss,
    after_not_here,
)


def error(code: str, retry_seconds: float | None = None) -> Error:
    told = Error(code=code, message="It did not work.")
    if retry_seconds is not None:
        told.retry_delay.FromTimedelta(timedelta(seconds=retry_seconds))
    return told


LOST, SLOW, FULL = error("UNAVAILABLE"), error("ABORTED"), error("RESOURCE_EXHAUSTED", 7)
NO_ROOM, WRONG = error("RESOURCE_EXHAUSTED"), error("INVALID_ARGUMENT", 1)


@pytest.mark.parametrize(
    ("failure", "failures", "most", "then"),
    [
        (LOST, 0, 3, Again(2, LOST)),
        (LOST, 1, 3, Again(4, LOST)),
        (LOST, 2, 3, End(Task.FAILED, LOST)),
        (LOST, 0, 1, End(Task.FAILED, LOST)),
        (SLOW, 7, 100, Again(256, SLOW)),
        (SLOW, 98, 100, Again(600, SLOW)),
        (FULL, 3, 9, Again(7, FULL)),
        (NO_ROOM, 0, 3, End(Task.FAILED, NO_ROOM)),
        (WRONG, 0, 3, End(Task.FAILED, WRONG)),
    ],
)
def test_what_may_pass_is_tried_again_each_time_later(
    failure: Error, failures: int, most: int, then: Verdict
) -> None:
    assert after_failure(failure, failures, most) == then


@pytest.mark.parametrize(
    ("cut", "then"),
    [
        (Cut.CANCELLED, End(Task.CANCELLED)),
        (Cut.STOPPING, Back()),
        (Cut.LOST, None),
    ],
)
def test_what_is_ended_amid_its_work_ends_or_waits_again(cut: Cut, then: Verdict | None) -> None:
    assert after_cut(cut, "task-1") == then


def test_a_deadline_that_passes_amid_the_work_fails_it() -> None:
    then = after_cut(Cut.LATE, "task-1")

    assert isinstance(then, End)
    assert then.state == Task.FAILED
    assert then.error is not None
    assert then.error.reason == ErrorReason.TASK_TIMEOUT


@pytest.mark.parametrize(
    ("losses", "cancelling", "deadline", "then"),
    [
        (0, False, None, Back(lost=True)),
        (98, False, 11, Back(lost=True)),
        (99, False, None, ErrorReason.TASK_LOST),
        (0, True, None, End(Task.CANCELLED)),
        (0, False, 10, ErrorReason.TASK_TIMEOUT),
    ],
)
def test_a_task_whose_server_is_lost_waits_again_but_not_for_ever(
    losses: int, cancelling: bool, deadline: int | None, then: Verdict | ErrorReason.ValueType
) -> None:
    told = after_loss("task-1", losses, cancelling=cancelling, deadline=deadline, now=10)

    if isinstance(told, End) and told.error is not None:
        assert (told.state, told.error.reason) == (Task.FAILED, then)
    else:
        assert told == then


def test_what_no_other_server_can_do_fails_with_its_cause() -> None:
    cause = error("NOT_FOUND")

    assert after_not_here(cause, "a", "", {"b", "c"}) == Back(lacked_by="a")
    assert after_not_here(cause, "b", "a", {"a", "c"}) == Back(lacked_by="a b")
    assert after_not_here(cause, "a", "a", {"b"}) == Back(lacked_by="a")
    assert after_not_here(cause, "c", "a b", {"a", "b"}) == End(Task.FAILED, cause)
    assert after_not_here(cause, "a", "", ()) == End(Task.FAILED, cause)
