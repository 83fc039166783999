"""`tasks`: what becomes of work that was submitted, whatever API it came by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from funland.v1.tasks_pb2 import CancelTaskRequest, GetTaskRequest, Task, TaskResult
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.query import Parameter, switch
from funland_gateway.dialects.rpcs import CANCEL_TASK, GET_TASK
from funland_gateway.dialects.scheduler.answers import done
from funland_gateway.dialects.scheduler.errors import error_fields
from funland_gateway.dialects.scheduler.texts import generated
from funland_gateway.dialects.states import UNKNOWN, state_word

_KINDS: Final[Mapping[Task.Kind.ValueType, str]] = {
    Task.GENERATE: "llm_generation",
    Task.CHAT: "llm_chat",
    Task.EMBED: "llm_embedding",
    Task.PLUGIN: "plugin_execution",
    Task.BATCH: "batch",
    Task.DOWNLOAD: "model_download",
}

KINDS: Final = (*_KINDS.values(), UNKNOWN)

INCLUDE_RESULT: Final = switch("include_result", "Tell what came of it, once it is completed.")
GET_QUERY: Final[tuple[Parameter[Any], ...]] = (INCLUDE_RESULT,)


def get_task(incoming: Incoming) -> Unary:
    """Asks for a task."""
    include_result = INCLUDE_RESULT.of(incoming.query)
    request = GetTaskRequest(task_id=incoming.path["task_id"], brief=not include_result)

    def answer(task: Task) -> Reply:
        return done(incoming, task_data(task, include_result=include_result))

    return Unary(GET_TASK, request, answer)


def cancel_task(incoming: Incoming) -> Unary:
    """Asks for a task's end. One that has ended by itself stays as it is, and says so."""
    request = CancelTaskRequest(task_id=incoming.path["task_id"])

    def answer(task: Task) -> Reply:
        cancelled = task.state == Task.CANCELLED
        status = state_word(task.state)
        message = "Task cancelled successfully" if cancelled else f"Task is {status} already"
        data = {"task_id": task.task_id, "status": status, "message": message}
        return done(incoming, data)

    return Unary(CANCEL_TASK, request, answer)


def task_data(task: Task, *, include_result: bool) -> dict[str, Any]:
    """A task; with `result` where that is asked for and there is one, with `error` if it failed."""
    completed = task.state == Task.COMPLETED
    result = include_result and completed and task.HasField("result")
    return {
        "task_id": task.task_id,
        "type": _KINDS.get(task.kind, UNKNOWN),
        "status": state_word(task.state),
        "created_at": _seconds(task, "create_time"),
        "started_at": _seconds(task, "begin_time"),
        "completed_at": _seconds(task, "end_time"),
        "progress": 100 if completed else _progress(task),
        **({"result": _result(task.result)} if result else {}),
        **({"error": error_fields(task.error)} if task.state == Task.FAILED else {}),
    }


def _progress(task: Task) -> int | None:
    known = optional(task, "progress_percent")
    return None if known is None else round(known)


def _seconds(message: Message, field: str) -> int | None:
    return getattr(message, field).seconds if message.HasField(field) else None


def _result(result: TaskResult) -> dict[str, Any]:
    """Texts as `llm/generate` answers them, what a plugin made as it is, all else as protobuf's
    JSON with the contract's names."""
    match result.WhichOneof("answer"):
        case "generate":
            return generated(result.generate)
        case "chat":
            return generated(result.chat)
        case "plugin":
            execution = result.plugin
            return {
                "plugin_id": execution.plugin_id,
                "output": orjson.loads(execution.output),
                "file_ids": list(execution.file_ids),
            }
        case None:
            return {}
        case name:
            return MessageToDict(getattr(result, name), preserving_proto_field_name=True)
