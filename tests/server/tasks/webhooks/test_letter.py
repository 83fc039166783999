"""What a webhook is told is the same each time, and nothing of what was asked or answered."""

from __future__ import annotations

import json

import pytest

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import ChatRequest, Message
from funland.v1.tasks_pb2 import Task, Work
from funland_server.tasks.webhooks.letter import body, message_id

END = 1_800_000_000_000_000


def ended(state: Task.State.ValueType) -> Task:
    task = Task(
        task_id="task-1",
        kind=Task.CHAT,
        state=state,
        error=Error(code="UNAVAILABLE", reason=ErrorReason.WORKER_LOST, message="It is lost."),
        metadata={"a": "ä"},
        work=Work(chat=ChatRequest(messages=[Message(content="asked in private")])),
    )
    task.end_time.FromMicroseconds(END)
    task.expire_time.FromMicroseconds(END + 1)
    return task


def failed_body() -> bytes:
    return body(ended(Task.FAILED))


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (Task.COMPLETED, "task.completed"),
        (Task.FAILED, "task.failed"),
        (Task.CANCELLED, "task.cancelled"),
    ],
)
def test_each_end_has_its_type(state: Task.State.ValueType, kind: str) -> None:
    said = json.loads(body(ended(state)))

    assert (said["type"], said["data"]["state"]) == (kind, Task.State.Name(state))
    assert (said["data"]["error"] is not None) == (state == Task.FAILED)
    assert said["timestamp"] == said["data"]["end_time"] == "2027-01-15T08:00:00Z"
    assert said["data"]["begin_time"] is None
    assert said["data"]["metadata"] == {"a": "ä"}


def test_what_was_asked_is_not_told() -> None:
    assert b"private" not in failed_body()


def test_each_end_of_a_task_has_a_name_without_dots() -> None:
    names = {message_id("a.b", END), message_id("a.b", END + 1), message_id("a.b", END)}

    assert len(names) == 2
    assert not any("." in name for name in names)
