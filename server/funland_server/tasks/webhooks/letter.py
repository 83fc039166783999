"""What a webhook is told of a task: the same each time, so that it may be told again."""

from __future__ import annotations

import json
from typing import Any, Final

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.tasks_pb2 import Task

_TYPES: Final = {
    Task.COMPLETED: "task.completed",
    Task.FAILED: "task.failed",
    Task.CANCELLED: "task.cancelled",
}


def message_id(task_id: str, end_time: int) -> str:
    """Names one end of a task, which may be begun anew; a signature parts it by its dots."""
    return f"{task_id.replace('.', '_')}-{end_time}"


def body(task: Task) -> bytes:
    """The JSON of a task that has ended. Neither what was asked for nor what came of it is in it:
    that is got from the server, by who may."""
    data: dict[str, Any] = {
        "task_id": task.task_id,
        "kind": Task.Kind.Name(task.kind),
        "state": Task.State.Name(task.state),
        "caller": task.caller,
        "model": task.model,
        "attempts": task.attempts,
        "create_time": task.create_time.ToJsonString(),
        "begin_time": task.begin_time.ToJsonString() if task.HasField("begin_time") else None,
        "end_time": task.end_time.ToJsonString(),
        "expire_time": task.expire_time.ToJsonString(),
        "error": _told(task.error) if task.state == Task.FAILED else None,
        "metadata": dict(task.metadata),
    }
    said = {"type": _TYPES[task.state], "timestamp": data["end_time"], "data": data}
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _told(error: Error) -> dict[str, Any]:
    return {
        "code": error.code,
        "reason": ErrorReason.Name(error.reason),
        "message": error.message,
        "metadata": dict(error.metadata),
    }
