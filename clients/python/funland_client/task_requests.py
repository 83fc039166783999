"""Builds the requests of tasks, plugins and batches from Python's own values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.batches_pb2 import CreateBatchRequest
from funland.v1.downloads_pb2 import StartDownloadRequest
from funland.v1.images_pb2 import GenerateImagesRequest
from funland.v1.inference_pb2 import ChatRequest, EmbedRequest, GenerateRequest
from funland.v1.plugins_pb2 import (
    ExecutePluginRequest,
    ListPluginsRequest,
    Plugin,
    UpdatePluginRequest,
)
from funland.v1.speech_pb2 import (
    BatchSynthesizeRequest,
    SynthesizeRequest,
    TranscribeRequest,
)
from funland.v1.tasks_pb2 import (
    ListTasksRequest,
    SubmitTaskRequest,
    Task,
    WatchTasksRequest,
    Webhook,
    Work,
)
from funland_client import arguments
from funland_client.arguments import (
    BatchArguments,
    Moment,
    PluginState,
    TaskArguments,
    TaskKind,
    TaskState,
)
from funland_client.fields import filled, refusal

AnyWork = (
    Work
    | ChatRequest
    | GenerateRequest
    | EmbedRequest
    | ExecutePluginRequest
    | StartDownloadRequest
    | SynthesizeRequest
    | BatchSynthesizeRequest
    | TranscribeRequest
    | GenerateImagesRequest
)
"""What a task does: one of the contract's requests."""

_WORK: Final[Mapping[type[Any], str]] = {
    ChatRequest: "chat",
    GenerateRequest: "generate",
    EmbedRequest: "embed",
    ExecutePluginRequest: "plugin",
    StartDownloadRequest: "download",
    SynthesizeRequest: "speech",
    BatchSynthesizeRequest: "speech_batch",
    TranscribeRequest: "transcription",
    GenerateImagesRequest: "images",
}
"""The fields of `Work`."""

LONGEST_PAGE: Final = 1000


def submit(asked: AnyWork, given: TaskArguments) -> SubmitTaskRequest:
    """Makes a request for `SubmitTask`, with a key of its own if none is given."""
    arguments.check(given, TaskArguments)
    values: dict[str, Any] = {"idempotency_key": uuid4().hex, **given}
    for name in ("start_time", "deadline"):
        if name in values:
            values[name] = timestamp(values[name])
    if isinstance(values.get("webhook"), str):
        values["webhook"] = Webhook(url=values["webhook"])
    return filled(SubmitTaskRequest, "", {"work": _work(asked), **values})


def _work(asked: AnyWork) -> Work:
    if isinstance(asked, Work):
        return asked
    named: dict[str, Any] = {_WORK[type(asked)]: asked}
    return Work(**named)


def timestamp(moment: Moment) -> Timestamp:
    """The time that is meant, as the contract has it."""
    time = datetime.now(UTC) + moment if isinstance(moment, timedelta) else moment
    made = Timestamp()
    made.FromDatetime(time.astimezone(UTC))
    return made


def tasks(
    states: Sequence[TaskState], kinds: Sequence[TaskKind], caller: str, limit: int
) -> ListTasksRequest:
    """Makes a request for `ListTasks`: the first page."""
    request = ListTasksRequest(caller=caller, page_size=min(limit or LONGEST_PAGE, LONGEST_PAGE))
    for index, state in enumerate(states):
        # A Task has one state, and tells of a name that is none.
        request.states.append(filled(Task, f"states[{index}]", {"state": state}).state)
    request.kinds.extend(_kinds(kinds))
    return request


def watched(kinds: Sequence[TaskKind], caller: str) -> WatchTasksRequest:
    """Makes a request for `WatchTasks`."""
    return WatchTasksRequest(caller=caller, kinds=_kinds(kinds))


def _kinds(kinds: Sequence[TaskKind]) -> list[Task.Kind.ValueType]:
    return [
        filled(Task, f"kinds[{index}]", {"kind": kind}).kind for index, kind in enumerate(kinds)
    ]


def plugins(category: str, states: Sequence[PluginState]) -> ListPluginsRequest:
    """Makes a request for `ListPlugins`."""
    request = ListPluginsRequest(category=category)
    for index, state in enumerate(states):
        request.states.append(filled(Plugin, f"states[{index}]", {"state": state}).state)
    return request


def configure(plugin_id: str, config: Mapping[str, Any]) -> UpdatePluginRequest:
    """Makes a request for `UpdatePlugin` of a configuration."""
    return UpdatePluginRequest(plugin_id=plugin_id, config=_json("config", config))


def execute(
    plugin_id: str,
    given: Mapping[str, Any] | None,
    config: Mapping[str, Any] | None,
    output_format: str,
) -> ExecutePluginRequest:
    """Makes a request for `ExecutePlugin`."""
    return ExecutePluginRequest(
        plugin_id=plugin_id,
        input="" if given is None else _json("input", given),
        config="" if config is None else _json("config", config),
        output_format=output_format,
    )


def _json(field: str, value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise refusal(field, f"is not JSON: {error}") from error


def batch(input_file_id: str, endpoint: str, given: BatchArguments) -> CreateBatchRequest:
    """Makes a request for `CreateBatch`."""
    arguments.check(given, BatchArguments)
    values = {"input_file_id": input_file_id, "endpoint": endpoint, **given}
    return filled(CreateBatchRequest, "", values)
