"""`tasks`: what becomes of work that was submitted, whatever API it came by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.message import Message

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.files_pb2 import DownloadFileRequest, File, GetFileRequest
from funland.v1.tasks_pb2 import CancelTaskRequest, GetTaskRequest, Task
from funland_gateway.dialects.dialect import Download, Incoming, Reply, Unary
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.query import Parameter, switch
from funland_gateway.dialects.rpcs import CANCEL_TASK, DOWNLOAD_FILE, GET_FILE, GET_TASK
from funland_gateway.dialects.scheduler.answers import done
from funland_gateway.dialects.scheduler.contents import Contents, with_contents
from funland_gateway.dialects.scheduler.errors import error_fields
from funland_gateway.dialects.scheduler.results import result_data, told_files
from funland_gateway.dialects.states import UNKNOWN, state_word
from funland_gateway.failures import failure

_KINDS: Final[Mapping[Task.Kind.ValueType, str]] = {
    Task.GENERATE: "llm_generation",
    Task.CHAT: "llm_chat",
    Task.EMBED: "llm_embedding",
    Task.PLUGIN: "plugin_execution",
    Task.BATCH: "batch",
    Task.DOWNLOAD: "model_download",
    Task.SPEECH: "tts_generation",
    Task.SPEECH_BATCH: "tts_batch",
    Task.TRANSCRIPTION: "speech_recognition",
    Task.IMAGES: "image_generation",
    Task.TRAINING: "training",
}

KINDS: Final = (*_KINDS.values(), UNKNOWN)

INCLUDE_RESULT: Final = switch("include_result", "Tell what came of it, once it is completed.")
GET_QUERY: Final[tuple[Parameter[Any], ...]] = (INCLUDE_RESULT,)


def get_task(incoming: Incoming) -> Unary:
    """Asks for a task."""
    include_result = INCLUDE_RESULT.of(incoming.query)
    request = GetTaskRequest(task_id=incoming.path["task_id"], brief=not include_result)

    def answer(task: Task) -> Reply | Unary:
        if not (include_result and task.state == Task.COMPLETED and task.HasField("result")):
            return done(incoming, task_data(task))

        def tell(contents: Contents) -> Reply:
            result = result_data(incoming, task, contents)
            return done(incoming, {**task_data(task), "result": result})

        return with_contents(told_files(task.result), tell)

    return Unary(GET_TASK, request, answer)


def get_file(incoming: Incoming) -> Unary:
    """Asks for the content of a file that a task has made."""
    task_id, file_id = incoming.path["task_id"], incoming.path["file_id"]

    def answer(file: File) -> Download:
        if file.task_id != task_id:
            raise failure(
                "NOT_FOUND",
                ErrorReason.FILE_NOT_FOUND,
                f"Task {task_id!r} has made no file {file_id!r}.",
                file_id=file_id,
            )
        return Download(DOWNLOAD_FILE, DownloadFileRequest(file_id=file_id))

    return Unary(GET_FILE, GetFileRequest(file_id=file_id), answer)


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


def task_data(task: Task) -> dict[str, Any]:
    """A task, with `error` if it failed."""
    completed = task.state == Task.COMPLETED
    return {
        "task_id": task.task_id,
        "type": _KINDS.get(task.kind, UNKNOWN),
        "status": state_word(task.state),
        "created_at": _seconds(task, "create_time"),
        "started_at": _seconds(task, "begin_time"),
        "completed_at": _seconds(task, "end_time"),
        "progress": 100 if completed else _progress(task),
        **({"error": error_fields(task.error)} if task.state == Task.FAILED else {}),
    }


def _progress(task: Task) -> int | None:
    known = optional(task, "progress_percent")
    return None if known is None else round(known)


def _seconds(message: Message, field: str) -> int | None:
    return getattr(message, field).seconds if message.HasField(field) else None
