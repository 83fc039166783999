"""The `hellovm` dialect's plugins: what is asked, and what is told of them and what they made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.plugins_pb2 import (
    ExecutePluginRequest,
    ListPluginsRequest,
    ListPluginsResponse,
    Plugin,
    PluginExecution,
)
from funland.v1.tasks_pb2 import GetTaskRequest, SubmitTaskRequest, Task, TaskResult, Work
from funland_gateway.dialects.hellovm.errors import error_body, error_status
from funland_gateway.dialects.hellovm.routes import HELLOVM
from funland_gateway.failures import CallFailed
from tests.conformance.shapes import lacks, shape_of
from tests.gateway.dialects.asked import TOLD_NOW, asked, call, refused, told

ROUTES = {(route.method, route.path): route for route in HELLOVM.routes}
LIST = ROUTES["GET", "/api/v1/plugins"]
EXECUTE = ROUTES["POST", "/api/v1/plugins/{plugin_id}/execute"]
GET = ROUTES["GET", "/api/v1/plugins/{plugin_id}/executions/{execution_id}"]

PICTURES = Plugin(
    plugin_id="text_to_image",
    name="Text to Image Generator",
    description="Generate images from text descriptions",
    version="1.0.0",
    category="generation",
    author="HelloVM Team",
    state=Plugin.ENABLED,
    capabilities=["text_to_image"],
    supported_formats=["png", "jpg"],
    max_resolution="1024x1024",
    config_schema='{"type": "object", "properties": {"steps": {"type": "integer"}}}',
    input_schema='{"type": "object"}',
    output_schema='{"type": "object"}',
)
FILMS = Plugin(
    plugin_id="text_to_video",
    category="generation",
    state=Plugin.ENABLED,
    beta=True,
    max_duration=Duration(seconds=10),
)
OFF = Plugin(plugin_id="off", category="utility", state=Plugin.DISABLED, beta=True)
BROKEN = Plugin(plugin_id="broken", category="utility", state=Plugin.BROKEN, error="No module.")


def listed(status: str = "", category: str = "") -> Any:
    found = ListPluginsResponse(plugins=[PICTURES, FILMS, OFF, BROKEN])
    described = call(LIST, asked(status=status, category=category))
    assert described.message == ListPluginsRequest()
    return told(described, found)


def test_a_plugin_is_told_in_full() -> None:
    body = listed(status="enabled")

    assert body["data"]["plugins"] == [
        {
            "id": "text_to_image",
            "name": "Text to Image Generator",
            "description": "Generate images from text descriptions",
            "version": "1.0.0",
            "category": "generation",
            "author": "HelloVM Team",
            "status": "enabled",
            "capabilities": ["text_to_image"],
            "supported_formats": ["png", "jpg"],
            "max_resolution": "1024x1024",
            "max_duration": None,
            "config_schema": {"type": "object", "properties": {"steps": {"type": "integer"}}},
            "input_schema": {"type": "object"},
            "output_schema": {"type": "object"},
            "error": None,
        }
    ]
    assert list(lacks(shape_of("hellovm", "plugins", failed=False), body)) == []


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({}, ["text_to_image", "text_to_video", "off", "broken"]),
        ({"status": "beta"}, ["text_to_video"]),
        ({"status": "disabled"}, ["off", "broken"]),
        ({"category": "utility"}, ["off", "broken"]),
        ({"category": "generation", "status": "enabled"}, ["text_to_image"]),
        ({"category": "nothing"}, []),
    ],
)
def test_what_is_shown_is_chosen_and_what_is_counted_is_all(
    query: dict[str, str], shown: list[str]
) -> None:
    data = listed(**query)["data"]

    assert [each["id"] for each in data["plugins"]] == shown
    counts = (data["total"], data["enabled"], data["beta"], data["disabled"])
    assert counts == (4, 1, 1, 2)
    assert data["categories"] == ["generation", "processing", "analysis", "utility"]


def test_a_status_that_is_none_is_refused() -> None:
    (wrong,) = refused(LIST, asked(status="new")).field_violations

    assert wrong.field == "status"


BODY: dict[str, Any] = {
    "input": {"text": "A sunset", "style": "photorealistic"},
    "config": {"steps": 20, "seed": 42},
    "output_format": "png",
}
REQUEST = ExecutePluginRequest(
    plugin_id="text_to_image",
    input='{"text":"A sunset","style":"photorealistic"}',
    config='{"steps":20,"seed":42}',
    output_format="png",
)


def execution(output: Any, **fields: Any) -> PluginExecution:
    return PluginExecution(
        plugin_id="text_to_image",
        execution_id="exec_1",
        plugin_version="1.0.0",
        input=REQUEST.input,
        output=json.dumps(output),
        config='{"steps": 20, "seed": 42}',
        duration=Duration(seconds=8, nanos=500_000_000),
        device_ids=["gpu_0", "cpu_0"],
        models=["sd15"],
        tokens=7,
        **fields,
    )


def executing(**body: Any) -> Any:
    return call(EXECUTE, asked({**BODY, **body}, {"plugin_id": "text_to_image"}))


PICTURE = {"type": "image", "format": "png", "data": "iVBORw0K", "width": 512, "size": 6}


def test_an_execution_is_told_in_full() -> None:
    described = executing()

    body = told(described, execution(PICTURE))

    assert described.message == REQUEST
    assert body["message"] == "Plugin executed successfully"
    assert body["data"] == {
        "plugin_id": "text_to_image",
        "execution_id": "exec_1",
        "status": "completed",
        "input": {"text": "A sunset", "style": "photorealistic"},
        "output": PICTURE,
        "metadata": {
            "execution_time": 8.5,
            "device_used": "gpu_0,cpu_0",
            "model_version": "sd15",
            "seed": 42,
            "generation_steps": 20,
            "plugin_version": "1.0.0",
            "tokens": 7,
        },
        "timestamp": TOLD_NOW,
    }
    assert list(lacks(shape_of("hellovm", "execution", failed=False), body)) == []


@pytest.mark.parametrize(
    ("output", "told_output"),
    [
        (
            {"text": "Käse", "parts": 2},
            {"type": "text", "format": "png", "data": "Käse", "size": 5, "parts": 2},
        ),
        (
            {"text": "x", "format": "markdown"},
            {"type": "text", "format": "markdown", "data": "x", "size": 1},
        ),
        ({"rows": [1]}, {"type": "object", "format": "png", "data": {"rows": [1]}, "size": 12}),
        ({"text": 7}, {"type": "object", "format": "png", "data": {"text": 7}, "size": 10}),
        ({}, {"type": "object", "format": "png", "data": {}, "size": 2}),
    ],
)
def test_an_output_is_a_text_or_an_object(output: Any, told_output: Any) -> None:
    assert told(executing(), execution(output))["data"]["output"] == told_output


def test_files_stand_beside_the_output() -> None:
    body = told(executing(), execution({"rows": 1}, file_ids=["f-1"]))

    assert body["data"]["output"]["file_ids"] == ["f-1"]


def test_what_is_left_out_is_empty() -> None:
    described = call(EXECUTE, asked({}, {"plugin_id": "p"}))

    assert described.message == ExecutePluginRequest(plugin_id="p")
    data = told(described, PluginExecution(plugin_id="p", output="{}"))["data"]
    assert data["input"] == {}
    assert data["output"]["format"] is None
    assert {data["metadata"][name] for name in ("device_used", "model_version", "seed")} == {None}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"input": "text"}, "input"),
        ({"config": []}, "config"),
        ({"output_format": 7}, "output_format"),
        ({"async": "yes"}, "async"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    (wrong,) = refused(EXECUTE, asked(body, {"plugin_id": "p"})).field_violations

    assert wrong.field == field


def test_an_execution_can_be_a_task() -> None:
    described = executing(**{"async": True})

    body = told(described, Task(task_id="t-1", kind=Task.PLUGIN, state=Task.PENDING))

    assert described.message == SubmitTaskRequest(work=Work(plugin=REQUEST))
    assert described.field_name("work.plugin.input.text") == "input.text"
    assert body["data"] == {
        "plugin_id": "text_to_image",
        "execution_id": "t-1",
        "status": "pending",
        "input": {"text": "A sunset", "style": "photorealistic"},
        "output": {"type": None, "format": None, "data": None, "size": None},
        "metadata": {
            "execution_time": None,
            "device_used": None,
            "model_version": None,
            "seed": None,
            "generation_steps": None,
        },
        "timestamp": TOLD_NOW,
    }
    assert list(lacks(shape_of("hellovm", "execution", failed=False), body)) == []


def of_task(plugin_id: str = "text_to_image") -> Any:
    described = call(GET, asked(path={"plugin_id": plugin_id, "execution_id": "t-1"}))
    assert described.message == GetTaskRequest(task_id="t-1")
    return described


def task(state: Any, **fields: Any) -> Task:
    return Task(task_id="t-1", kind=Task.PLUGIN, state=state, work=Work(plugin=REQUEST), **fields)


def test_an_execution_that_is_done_is_told_as_if_it_was_waited_for() -> None:
    done = task(Task.COMPLETED, result=TaskResult(plugin=execution(PICTURE)))

    waited_for = told(executing(), execution(PICTURE))["data"]
    assert told(of_task(), done)["data"] == {**waited_for, "execution_id": "t-1"}


def test_an_execution_that_failed_says_why() -> None:
    error = Error(
        code="UNKNOWN",
        reason=ErrorReason.PLUGIN_FAILED,
        message="It raised.",
        metadata={"plugin_id": "text_to_image"},
    )

    data = told(of_task(), task(Task.FAILED, error=error))["data"]

    assert (data["status"], data["output"]["data"]) == ("failed", None)
    assert data["error"]["details"] == "It raised."
    assert (data["error"]["resource"], data["error"]["resource_id"]) == ("plugin", "text_to_image")


@pytest.mark.parametrize(
    "found", [Task(task_id="t-1", kind=Task.CHAT, state=Task.PENDING), task(Task.PENDING)]
)
def test_a_task_of_something_else_is_no_execution(found: Task) -> None:
    with pytest.raises(CallFailed) as caught:
        of_task("other").answer(found)

    assert caught.value.error.reason == ErrorReason.TASK_NOT_FOUND
    assert error_body(caught.value.error, 0)["error"]["resource"] == "execution"


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        ("NOT_FOUND", ErrorReason.PLUGIN_NOT_FOUND, 404),
        ("FAILED_PRECONDITION", ErrorReason.PLUGIN_DISABLED, 409),
        ("FAILED_PRECONDITION", ErrorReason.PLUGIN_BROKEN, 409),
        ("FAILED_PRECONDITION", ErrorReason.PLUGIN_ISOLATION_UNAVAILABLE, 503),
        ("UNKNOWN", ErrorReason.PLUGIN_FAILED, 500),
        ("RESOURCE_EXHAUSTED", ErrorReason.LANE_FULL, 429),
        ("PERMISSION_DENIED", ErrorReason.PLUGIN_DENIED, 403),
    ],
)
def test_a_failure_has_one_of_the_documents_statuses(code: str, reason: Any, status: int) -> None:
    assert error_status(Error(code=code, reason=reason)) == status
