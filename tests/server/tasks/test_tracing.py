"""How a task's run ends in a trace."""

from __future__ import annotations

import pytest

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.tasks_pb2 import Task
from funland_server.tasks.deciding import Again, Back, End, Verdict
from funland_server.tasks.tracing import outcome

LOST = Error(code="UNAVAILABLE", reason=ErrorReason.WORKER_LOST, message="secret")


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (End(Task.COMPLETED), ""),
        (End(Task.CANCELLED), "CANCELLED"),
        (End(Task.FAILED, LOST), "WORKER_LOST"),
        (End(Task.FAILED, Error(code="UNKNOWN", message="secret")), "UNKNOWN"),
        (Again(2.0, LOST), "WORKER_LOST"),
        (Back(), "CANCELLED"),
        (None, "CANCELLED"),
    ],
)
def test_a_run_ends_as_its_verdict_says(verdict: Verdict | None, expected: str) -> None:
    assert outcome(verdict) == expected
