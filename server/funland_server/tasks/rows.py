"""Tasks as rows, and rows as tasks."""

from __future__ import annotations

from typing import Any, Final, Literal

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.errors_pb2 import Error
from funland.v1.tasks_pb2 import Lane, SubmitTaskRequest, Task
from funland_server.errors import FieldInvalidError, Violation
from funland_server.tasks.kinds import Checked
from funland_server.tasks.tables import AnyRow

MAX_ATTEMPTS: Final = 3
_BETWEEN: Final = "\x1f"
"""Parts a user's id from their idempotency key, where it is kept."""

Kind = Task.Kind.ValueType
LaneName = Lane.Name.ValueType


def new_row(
    request: SubmitTaskRequest,
    checked: Checked,
    *,
    task_id: str,
    number: int,
    home_id: str,
    kind: Kind,
    lane: LaneName,
    key_id: str = "",
) -> dict[str, Any]:
    """The row of a task that nobody has run, but for its `turn`. `number` is the time, `key_id` the
    access key that came. Raises FieldInvalidError."""
    start = _micros(request, "start_time")
    return {
        "task_id": task_id,
        "number": number,
        "home_id": home_id if checked.here else None,
        "kind": kind,
        "lane": lane,
        "state": Task.PENDING,
        "delayed": int(start is not None and start > number),
        "rank": -request.priority,
        "turn": 0,
        "caller": request.caller,
        "model": checked.model,
        "start_time": start,
        "ready_time": start or 0,
        "begin_time": None,
        "end_time": None,
        "deadline": _micros(request, "deadline"),
        "expire_time": None,
        "retention_seconds": request.retention_seconds,
        "attempts": 0,
        "failures": 0,
        "losses": 0,
        "max_attempts": request.max_attempts or MAX_ATTEMPTS,
        "lacked_by": "",
        "owner": None,
        "cancelling": 0,
        "progress_percent": None,
        "progress_text": "",
        "error": None,
        "metadata": Task(metadata=request.metadata, key_id=key_id).SerializeToString(),
        "idempotency_key": request.idempotency_key or None,
        "revision": 1,
    }


def task_of(row: AnyRow) -> Task:
    """The task of a row of `tasks`, without what is kept elsewhere."""
    task = Task.FromString(row.metadata)
    task.task_id = row.task_id
    task.kind = row.kind
    task.lane = row.lane
    task.state = row.state
    task.priority = -row.rank
    task.caller = row.caller
    task.model = row.model
    if row.progress_percent is not None:
        task.progress_percent = row.progress_percent
    task.progress_text = row.progress_text
    task.create_time.FromMicroseconds(row.number)
    for name in ("start_time", "begin_time", "end_time", "deadline", "expire_time"):
        if (time := getattr(row, name)) is not None:
            getattr(task, name).FromMicroseconds(time)
    task.attempts = row.attempts
    task.max_attempts = row.max_attempts
    if row.error is not None:
        task.error.CopyFrom(Error.FromString(row.error))
    task.idempotency_key = told_key(row.idempotency_key or "")
    task.revision = row.revision
    return task


def kept_key(key: str, user_id: str) -> str | None:
    """What is kept of an idempotency key: users' are apart. None: there is none."""
    if not key:
        return None
    return f"{user_id}{_BETWEEN}{key}" if user_id or _BETWEEN in key else key


def told_key(kept: str) -> str:
    """The key that something was kept of."""
    _, between, key = kept.partition(_BETWEEN)
    return key if between else kept


def _micros(request: SubmitTaskRequest, name: Literal["start_time", "deadline"]) -> int | None:
    """A time that is told, in microseconds since 1970; None: it is not. Others than those of the
    Timestamp's own range have no date."""
    if not request.HasField(name):
        return None
    time: Timestamp = getattr(request, name)
    try:
        time.ToJsonString()
        return time.ToMicroseconds()
    except ValueError as error:
        what = "must be a time from the year 1 to 9999"
        raise FieldInvalidError([Violation(name, what)]) from error
