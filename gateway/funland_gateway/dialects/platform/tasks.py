"""`tasks`: what is done in the background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from funland.v1.tasks_pb2 import ListTasksRequest, Task
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.figures import rounded
from funland_gateway.dialects.platform.numbering import with_numbers
from funland_gateway.dialects.query import one_of
from funland_gateway.dialects.rpcs import LIST_TASKS
from funland_gateway.dialects.skipping import skipped_to
from funland_gateway.dialects.states import UNKNOWN
from funland_gateway.dialects.times import moment

STATES: Final[Mapping[str, Task.State.ValueType]] = {
    "pending": Task.PENDING,
    "running": Task.PROCESSING,
    "completed": Task.COMPLETED,
    "failed": Task.FAILED,
    "cancelled": Task.CANCELLED,
}
_WORDS: Final = {state: word for word, state in STATES.items()}

STATUS: Final = one_of(
    "status", "Only those that stand so.", {word: (state,) for word, state in STATES.items()}, ()
)


def list_tasks(incoming: Incoming) -> Unary:
    """Asks for a part of the tasks, the newest first."""
    request = ListTasksRequest(states=STATUS.of(incoming.query))

    def answer(tasks: Sequence[Task], total: int) -> Reply | Unary:
        def told(numbers: Mapping[str, int]) -> Reply:
            return json_reply({"total": total, "tasks": [_task(each, numbers) for each in tasks]})

        return with_numbers(map(_project_id, tasks), told)

    return skipped_to(LIST_TASKS, request, "tasks", incoming.query, answer)


def _project_id(task: Task) -> str:
    """That of a training run; of others the metadata is what their callers liked to say."""
    return task.metadata.get("project_id", "") if task.kind == Task.TRAINING else ""


def _task(task: Task, numbers: Mapping[str, int]) -> dict[str, Any]:
    kind = Task.Kind.Name(task.kind) if task.kind in Task.Kind.values() else UNKNOWN
    return {
        # By it the server orders them.
        "id": task.create_time.ToMicroseconds(),
        "task_id": task.task_id,
        "name": task.metadata.get("name") or task.task_id,
        "type": kind.lower(),
        "project_id": numbers.get(_project_id(task)),
        "status": _WORDS.get(task.state, UNKNOWN),
        "progress": rounded(task, "progress_percent"),
        "created_at": moment(task, "create_time"),
    }
