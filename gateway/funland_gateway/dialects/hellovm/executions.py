"""What is told of an execution of a plugin: of one that is done, and of one that is a task."""

from __future__ import annotations

from typing import Any, Final

import orjson

from funland.v1.plugins_pb2 import ExecutePluginRequest, PluginExecution
from funland.v1.tasks_pb2 import Task
from funland_gateway.dialects.hellovm.errors import error_body
from funland_gateway.dialects.states import state_word
from funland_gateway.dialects.times import utc

COMPLETED: Final = "completed"
TEXT: Final = "text"
OBJECT: Final = "object"

_UNKNOWN: Final = dict.fromkeys(
    ("execution_time", "device_used", "model_version", "seed", "generation_steps")
)

_NOTHING: Final = dict.fromkeys(("type", "format", "data", "size"))


def executed(execution: PluginExecution, output_format: str, now: float) -> dict[str, Any]:
    """An execution that is done."""
    return {
        "plugin_id": execution.plugin_id,
        "execution_id": execution.execution_id,
        "status": COMPLETED,
        "input": _read(execution.input),
        "output": output(execution, output_format),
        "metadata": metadata(execution),
        "timestamp": utc(now),
    }


def task_execution(task: Task, request: ExecutePluginRequest, now: float) -> dict[str, Any]:
    """An execution that is a task; `output` is of nulls until it is completed."""
    if task.state == Task.COMPLETED:
        done = executed(task.result.plugin, request.output_format, now)
        return {**done, "execution_id": task.task_id}
    failed = task.state == Task.FAILED
    return {
        "plugin_id": request.plugin_id,
        "execution_id": task.task_id,
        "status": state_word(task.state),
        "input": _read(request.input),
        "output": _NOTHING,
        "metadata": _UNKNOWN,
        "timestamp": utc(now),
        **({"error": error_body(task.error, now)["error"]} if failed else {}),
    }


def output(execution: PluginExecution, output_format: str) -> dict[str, Any]:
    """What it made. Of a text, `data` is the text, and all else stands beside it; of an object
    that is none, `data` is the object. One that names `type` and `data` itself stays as it is."""
    made = _read(execution.output)
    files = {"file_ids": list(execution.file_ids)} if execution.file_ids else {}
    if {"type", "data"} <= made.keys():
        return {**made, **files}
    known = made.pop("format", None) or output_format or None
    text = made.pop(TEXT, None)
    if isinstance(text, str):
        size = len(text.encode())
        return {**made, "type": TEXT, "format": known, "data": text, "size": size, **files}
    if text is not None:
        made[TEXT] = text
    size = len(orjson.dumps(made))
    return {"type": OBJECT, "format": known, "data": made, "size": size, **files}


def metadata(execution: PluginExecution) -> dict[str, Any]:
    """What it took. `seed` and `generation_steps` are what it tells of its output, or else those
    of its configuration, if one has them."""
    told = {**_read(execution.config), **_read(execution.output)}
    return {
        "execution_time": round(execution.duration.ToTimedelta().total_seconds(), 3),
        "device_used": ",".join(execution.device_ids) or None,
        "model_version": ",".join(execution.models) or None,
        "seed": told.get("seed"),
        "generation_steps": told.get("steps"),
        "plugin_version": execution.plugin_version,
        "tokens": execution.tokens,
    }


def _read(text: str) -> dict[str, Any]:
    """A JSON object; empty where nothing was said."""
    return orjson.loads(text) if text else {}
