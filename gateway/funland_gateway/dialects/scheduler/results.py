"""What came of a task, as its own endpoint would have answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from google.protobuf.json_format import MessageToDict

from funland.v1.tasks_pb2 import Task, TaskResult
from funland_gateway.dialects.dialect import Incoming
from funland_gateway.dialects.scheduler.contents import Contents
from funland_gateway.dialects.scheduler.pictures import painted
from funland_gateway.dialects.scheduler.speech import spoken_file, spoken_files
from funland_gateway.dialects.scheduler.texts import generated

Tell = Callable[[Incoming, Task, Contents], dict[str, Any]]


def told_files(result: TaskResult) -> list[str]:
    """The files whose contents are told with a result."""
    match result.WhichOneof("answer"):
        case "speech":
            return [result.speech.file_id]
        case "speech_batch":
            files = [one.response.file_id for one in result.speech_batch.results]
            return [file_id for file_id in files if file_id]
        case "images":
            return [image.file_id for image in result.images.images]
        case _:
            return []


def result_data(incoming: Incoming, task: Task, contents: Contents) -> dict[str, Any]:
    """Texts, sounds and pictures as their own endpoints answer them, what a plugin made as it is,
    all else as protobuf's JSON with the contract's names."""
    name = task.result.WhichOneof("answer")
    if name is None:
        return {}
    tell = _TELLERS.get(name)
    if tell is not None:
        return tell(incoming, task, contents)
    return MessageToDict(getattr(task.result, name), preserving_proto_field_name=True)


def _spoken(incoming: Incoming, task: Task, contents: Contents) -> dict[str, Any]:
    return spoken_file(incoming, task, task.result.speech, task.work.speech.voice, contents)


def _executed(_: Incoming, task: Task, __: Contents) -> dict[str, Any]:
    execution = task.result.plugin
    return {
        "plugin_id": execution.plugin_id,
        "output": orjson.loads(execution.output),
        "file_ids": list(execution.file_ids),
    }


_TELLERS: Final[Mapping[str, Tell]] = {
    "generate": lambda _, task, __: generated(task.result.generate),
    "chat": lambda _, task, __: generated(task.result.chat),
    "speech": _spoken,
    "speech_batch": lambda incoming, task, contents: spoken_files(
        incoming, task, task.result.speech_batch, contents
    ),
    "images": lambda incoming, task, contents: painted(
        incoming, task, task.result.images, contents
    ),
    "plugin": _executed,
}
