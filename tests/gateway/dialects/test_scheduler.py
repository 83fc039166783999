"""The `scheduler` dialect: what it asks, and what it tells of tasks, texts and queues."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.downloads_pb2 import Download
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.hardware_pb2 import Acceleration, Device, ListDevicesResponse
from funland.v1.inference_pb2 import (
    ChatResponse,
    Delta,
    Finish,
    GenerateRequest,
    GenerateResponse,
    GenerationEvent,
    Message,
    Queued,
    SamplingParameters,
    Start,
    Timings,
    TokenLogprob,
    Usage,
)
from funland.v1.models_pb2 import ListModelsResponse, LoadedModel, Model
from funland.v1.plugins_pb2 import PluginExecution
from funland.v1.system_pb2 import CpuUse, Health, MemoryUse, Resources, SystemStatus
from funland.v1.tasks_pb2 import (
    CancelTaskRequest,
    GetTaskRequest,
    Lane,
    ListLanesResponse,
    SubmitTaskRequest,
    Task,
    TaskResult,
    Work,
)
from funland_gateway.dialects.dialect import Streaming, Unary
from funland_gateway.dialects.inference.routes import INFERENCE
from funland_gateway.dialects.scheduler.errors import ENVELOPE
from funland_gateway.dialects.scheduler.routes import SCHEDULER
from funland_gateway.dialects.sharing import joint_routes
from tests.conformance.shapes import lacks, shape_of
from tests.gateway.dialects.asked import NOW, asked, call, refused, told
from tests.gateway.dialects.device_messages import CPU, EMULATED, GPU

ROUTES = {(route.method, route.path): route for route in SCHEDULER.routes}
HEALTH = ROUTES["GET", "/api/v1/health"]
STATUS = ROUTES["GET", "/api/v1/status"]
TASK = ROUTES["GET", "/api/v1/tasks/{task_id}"]
CANCEL = ROUTES["DELETE", "/api/v1/tasks/{task_id}"]
GENERATE = ROUTES["POST", "/api/v1/llm/generate"]
ASYNC = ROUTES["POST", "/api/v1/llm/generate/async"]
STREAM = ROUTES["POST", "/api/v1/llm/generate/stream"]

DOCUMENTED: dict[str, Any] = {
    "prompt": "Write a short story about a robot learning to paint",
    "model": "qwen2.5-7b",
    "parameters": {
        "temperature": 0.5,
        "max_tokens": 400,
        "top_p": 0.75,
        "top_k": 40,
        "stop_sequences": ["\n\n", "<|endoftext|>"],
        "stream": False,
    },
}
READ = GenerateRequest(
    prompt="Write a short story about a robot learning to paint",
    model="qwen2.5-7b",
    sampling=SamplingParameters(
        temperature=0.5, max_tokens=400, top_p=0.75, top_k=40, stop=["\n\n", "<|endoftext|>"]
    ),
    as_message=True,
)
TIMINGS = Timings(queue_ms=1000, prompt_ms=50.4, decode_ms=1200)
ANSWER = GenerateResponse(
    model="qwen2.5-7b", text="Once", usage=Usage(completion_tokens=450), timings=TIMINGS
)
TOLD = {"text": "Once", "tokens": 450, "model": "qwen2.5-7b", "execution_time_ms": 1250}


def shaped(name: str, body: Any) -> bool:
    return list(lacks(shape_of("scheduler", name, failed=False), body)) == []


def test_the_documents_request_is_answered_in_its_envelope() -> None:
    described = call(GENERATE, asked(DOCUMENTED))

    body = told(described, ANSWER)

    assert described.message == READ
    assert body == {"ok": True, "data": TOLD, "error": None, "timestamp": NOW}
    assert shaped("generate", body)


def test_unset_is_the_default_model_and_500_tokens() -> None:
    assert call(GENERATE, asked({"prompt": "x"})).message == GenerateRequest(
        prompt="x", sampling=SamplingParameters(max_tokens=500), as_message=True
    )


@pytest.mark.parametrize(("raw", "answered"), [(None, True), (False, True), (True, False)])
def test_a_prompt_is_answered_unless_it_is_raw(raw: Any, answered: bool) -> None:
    message: Any = call(GENERATE, asked({"prompt": "x", "raw": raw})).message

    assert message.as_message is answered


def test_a_request_becomes_a_task() -> None:
    described = call(ASYNC, asked(DOCUMENTED))

    body = told(described, Task(task_id="t-1", state=Task.PENDING))

    assert described.message == SubmitTaskRequest(work=Work(generate=READ))
    assert body == {
        "ok": True,
        "data": {"task_id": "t-1", "status": "pending", "message": "Task submitted successfully"},
        "error": None,
        "task_id": "t-1",
        "timestamp": NOW,
    }
    assert shaped("submit", body)


def test_a_task_is_no_stream() -> None:
    error = refused(ASYNC, asked({"prompt": "x", "parameters": {"stream": True}}))

    assert error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert error.metadata["parameter"] == "parameters.stream"


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("sampling.stop[1]", "parameters.stop_sequences[1]"),
        ("sampling.top_p", "parameters.top_p"),
        ("sampling.min_p", "parameters.min_p"),
        ("prompt", "prompt"),
        ("model", "model"),
    ],
)
def test_the_contracts_fields_have_the_bodys_names(path: str, name: str) -> None:
    assert call(GENERATE, asked(DOCUMENTED)).field_name(path) == name
    assert call(ASYNC, asked(DOCUMENTED)).field_name(f"work.generate.{path}") == name


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": ""}, "prompt"),
        ({"prompt": "x", "parameters": []}, "parameters"),
        ({"prompt": "x", "parameters": {"max_tokens": "many"}}, "parameters.max_tokens"),
        ({"prompt": "x", "parameters": {"stop_sequences": [1]}}, "parameters.stop_sequences[0]"),
        ({"prompt": "x", "parameters": {"stream": 1}}, "parameters.stream"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    for route in (GENERATE, ASYNC):
        assert [each.field for each in refused(route, asked(body)).field_violations] == [field]


def streaming(route: Any, body: dict[str, Any]) -> Streaming:
    described = route.call(asked(body))
    assert isinstance(described, Streaming)
    return described


def test_stream_in_the_parameters_answers_like_the_stream() -> None:
    whole = streaming(GENERATE, {"prompt": "x", "parameters": {"stream": True}})

    assert whole.message == streaming(STREAM, {"prompt": "x"}).message


def test_a_stream_counts_its_tokens() -> None:
    one, two = [TokenLogprob()], [TokenLogprob(), TokenLogprob()]
    events = [
        GenerationEvent(start=Start(model="tiny")),
        GenerationEvent(queued=Queued(position=2)),
        GenerationEvent(delta=Delta(text="Once", logprobs=one)),
        GenerationEvent(delta=Delta(logprobs=two)),
        GenerationEvent(delta=Delta(text=" upon", logprobs=one)),
        GenerationEvent(finish=Finish(usage=Usage(completion_tokens=5), timings=TIMINGS)),
    ]
    described = streaming(STREAM, {"prompt": "x"})

    sent: list[Any] = [orjson.loads(each) for event in events for each in described.events(event)]  # type: ignore[arg-type] - none has a name

    assert sent == [
        {"text": "Once", "token_count": 1, "finished": False},
        {"text": " upon", "token_count": 4, "finished": False},
        {"text": "", "token_count": 5, "finished": True, "execution_time_ms": 1250},
    ]
    assert shaped("stream", sent)


def test_each_stream_counts_for_itself() -> None:
    event = GenerationEvent(delta=Delta(text="x", logprobs=[TokenLogprob()]))

    counts = [
        orjson.loads(next(iter(streaming(STREAM, {"prompt": "x"}).events(event))))["token_count"]  # type: ignore[arg-type] - it has no name
        for _ in range(2)
    ]

    assert counts == [1, 1]


def test_what_a_model_thought_stands_beside_its_answer() -> None:
    response = GenerateResponse(text="42", reasoning="6 · 7")
    event = GenerationEvent(delta=Delta(reasoning="6 ", logprobs=[TokenLogprob()]))

    whole = told(call(GENERATE, asked({"prompt": "x"})), response)["data"]
    (part,) = streaming(STREAM, {"prompt": "x"}).events(event)

    assert (whole["text"], whole["thinking"]) == ("42", "6 · 7")
    assert orjson.loads(part) == {  # type: ignore[arg-type] - it has no name
        "text": "", "thinking": "6 ", "token_count": 1, "finished": False,
    }  # fmt: skip


def task(state: Task.State.ValueType = Task.PENDING, **fields: Any) -> Task:
    return Task(
        task_id="t-1",
        kind=Task.GENERATE,
        state=state,
        create_time=Timestamp(seconds=1672531200),
        **fields,
    )


DONE = task(
    Task.COMPLETED,
    begin_time=Timestamp(seconds=1672531201, nanos=9),
    end_time=Timestamp(seconds=1672531210),
    result=TaskResult(generate=ANSWER),
)


@pytest.mark.parametrize(("include", "brief"), [("true", False), ("false", True)])
def test_a_result_is_asked_for_where_it_is_wanted(include: str, brief: bool) -> None:
    described = call(TASK, asked(path={"task_id": "t-1"}, include_result=include))

    assert described.message == GetTaskRequest(task_id="t-1", brief=brief)


def of_task(found: Task, include: str = "true") -> Any:
    return told(call(TASK, asked(path={"task_id": "t-1"}, include_result=include)), found)


def test_a_task_that_is_done_has_its_result() -> None:
    body = of_task(DONE)

    assert body["data"] == {
        "task_id": "t-1",
        "type": "llm_generation",
        "status": "completed",
        "created_at": 1672531200,
        "started_at": 1672531201,
        "completed_at": 1672531210,
        "progress": 100,
        "result": TOLD,
    }
    assert shaped("task-result", body)
    assert "result" not in of_task(DONE, "false")["data"]


@pytest.mark.parametrize(
    ("found", "status", "progress"),
    [
        (task(), "pending", None),
        (task(Task.PROCESSING), "processing", None),
        (task(Task.PROCESSING, progress_percent=41.6), "processing", 42),
        (task(Task.FAILED, progress_percent=41.6), "failed", 42),
        (task(Task.CANCELLED), "cancelled", None),
        (Task(task_id="t-1", state=99), "unknown", None),  # type: ignore[arg-type] - of a newer server
    ],
)
def test_progress_that_is_not_known_is_null(found: Task, status: str, progress: Any) -> None:
    data = of_task(found)["data"]

    assert (data["status"], data["progress"]) == (status, progress)
    assert "result" not in data


def test_a_task_that_failed_says_why() -> None:
    error = Error(code="NOT_FOUND", reason=ErrorReason.MODEL_NOT_FOUND, message="No.")

    data = of_task(task(Task.FAILED, error=error))["data"]

    assert data["error"] == {"code": 404, "message": "No.", "reason": "MODEL_NOT_FOUND"}


def test_the_failure_of_a_try_that_is_made_again_is_no_error() -> None:
    assert "error" not in of_task(task(error=Error(code="UNAVAILABLE")))["data"]


@pytest.mark.parametrize(
    ("kind", "result", "word", "shown"),
    [
        (Task.CHAT, TaskResult(chat=ChatResponse(message=Message(content="Hi"))), "llm_chat", None),
        (
            Task.PLUGIN,
            TaskResult(plugin=PluginExecution(plugin_id="p", output='{"a": 1}', file_ids=["f"])),
            "plugin_execution",
            {"plugin_id": "p", "output": {"a": 1}, "file_ids": ["f"]},
        ),
        (
            Task.DOWNLOAD,
            TaskResult(download=Download(download_id="d")),
            "model_download",
            {"download_id": "d"},
        ),
    ],
)
def test_results_of_other_kinds_are_told_too(
    kind: Any, result: TaskResult, word: str, shown: Any
) -> None:
    data = of_task(Task(kind=kind, state=Task.COMPLETED, result=result))["data"]

    assert data["type"] == word
    assert data["result"] == (
        shown or {"text": "Hi", "tokens": 0, "model": "", "execution_time_ms": 0}
    )


@pytest.mark.parametrize(
    ("state", "status", "message"),
    [
        (Task.CANCELLED, "cancelled", "Task cancelled successfully"),
        (Task.COMPLETED, "completed", "Task is completed already"),
    ],
)
def test_a_task_is_cancelled_unless_it_has_ended(state: Any, status: str, message: str) -> None:
    described = call(CANCEL, asked(path={"task_id": "t-1"}))

    body = told(described, task(state))

    assert described.message == CancelTaskRequest(task_id="t-1")
    assert body["data"] == {"task_id": "t-1", "status": status, "message": message}
    assert shaped("cancel", body)


def server(*device_ids: str, kind: Model.Kind.ValueType = Model.TEXT) -> SystemStatus:
    loaded = [Model(kind=kind, loaded=LoadedModel(device_ids=[each])) for each in device_ids]
    return SystemStatus(
        state=Health.SERVING, version="0.1.0", uptime=Duration(seconds=60), loaded_models=loaded
    )


@pytest.mark.parametrize(
    ("device_ids", "gpu", "cpu"),
    [
        ((), None, None),
        (("cpu_0",), None, "online"),
        (("gpu_1",), "online", None),
        (("npu_0", "cpu_0"), "online", "online"),
    ],
)
def test_health_tells_where_models_are(device_ids: tuple[str, ...], gpu: Any, cpu: Any) -> None:
    body = told(call(HEALTH, asked()), Health(), server(*device_ids))

    assert body["data"] == {
        "status": "healthy",
        "version": "0.1.0",
        "uptime": 60,
        "components": {
            "gpu_llm": gpu,
            "cpu_llm": cpu,
            "gpu_tts": None,
            "cpu_tts": None,
            "gpu_image": None,
            "cpu_image": None,
            "api_server": "online",
        },
    }
    assert shaped("health", body)


@pytest.mark.parametrize(
    ("kind", "device_id", "name"),
    [
        (Model.SPEECH, "cpu_0", "cpu_tts"),
        (Model.SPEECH, "gpu_0", "gpu_tts"),
        (Model.IMAGE, "cpu_0", "cpu_image"),
        (Model.IMAGE, "npu_0", "gpu_image"),
        (Model.EMBEDDING, "cpu_0", "cpu_llm"),
        (Model.TRANSCRIPTION, "cpu_0", None),  # the document has no word for it
    ],
)
def test_models_that_speak_and_paint_are_told_where_they_are(
    kind: Model.Kind.ValueType, device_id: str, name: str | None
) -> None:
    body = told(call(HEALTH, asked()), Health(), server(device_id, kind=kind))
    components = body["data"]["components"]

    online = [key for key, state in components.items() if state == "online"]
    assert online == [*([name] if name else []), "api_server"]


def test_a_server_that_stops_is_not_ok() -> None:
    step: Any = call(HEALTH, asked()).answer(Health())
    reply = step.answer(SystemStatus(state=Health.STOPPING))
    body = orjson.loads(reply.content)

    assert (reply.status, body["ok"], body["data"]["status"]) == (503, False, "stopping")


def test_health_on_the_common_port_has_the_fields_of_both() -> None:
    (found,) = [
        route for _, route in joint_routes([INFERENCE, SCHEDULER]) if route.path == "/api/v1/health"
    ]

    body = told(call(found, asked()), Health(), server())

    assert set(body) == {
        "ok", "data", "error", "timestamp",
        "status", "model_loaded", "memory_usage", "active_connections",
    }  # fmt: skip
    assert set(body) == set(found.response_schema["properties"])  # type: ignore[index] - it has one


LANES = ListLanesResponse(
    lanes=[
        Lane(name=Lane.LANGUAGE, waiting=2, running=1, capacity=100),
        Lane(name=Lane.BATCHES, waiting=0, running=3, capacity=50),
        Lane(name=Lane.SPEECH, waiting=4, running=2, capacity=60),
        Lane(name=Lane.PICTURES, waiting=5, running=1, capacity=70),
        Lane(name=99, waiting=7),  # type: ignore[arg-type] - of a newer server
    ]
)
USED = Resources(
    cpu=CpuUse(utilization_percent=35.52), memory=MemoryUse(total_bytes=1000, used_bytes=421)
)
NO_QUEUE = {"size": None, "capacity": None, "running": None}


def status(
    used: Resources,
    *devices: Device,
    where: tuple[str, ...] = ("cpu_0",),
    models: tuple[Model, ...] = (),
) -> Any:
    found = ListDevicesResponse(devices=devices)
    chosen = Acceleration(effective_device_ids=where)
    installed = ListModelsResponse(models=models)
    return told(call(STATUS, asked()), installed, server(), used, found, chosen, LANES)


def test_the_status_is_told_in_full() -> None:
    models = (Model(kind=Model.SPEECH), Model(kind=Model.IMAGE))

    body = status(USED, CPU, GPU, EMULATED, where=("gpu_1", "cpu_0"), models=models)

    assert body["data"] == {
        "version": "0.1.0",
        "uptime": 60,
        "config": {
            "workers_enabled": {
                "gpu_llm": True,
                "cpu_llm": True,
                "gpu_tts": False,
                "cpu_tts": True,
                "gpu_image": True,
                "cpu_image": True,
            }
        },
        "resources": {
            "cpu_usage": 35.5,
            "memory_usage": 42.1,
            "gpu_usage": 45.2,
            "gpu_memory": "4.3GB / 17.2GB",
        },
        "queues": {
            "gpu_llm": {"size": 2, "capacity": 100, "running": 1},
            "cpu_llm": NO_QUEUE,
            "gpu_tts": NO_QUEUE,
            "cpu_tts": {"size": 4, "capacity": 60, "running": 2},
            "gpu_image": {"size": 5, "capacity": 70, "running": 1},
            "cpu_image": NO_QUEUE,
            "plugins": NO_QUEUE,
            "batches": {"size": 0, "capacity": 50, "running": 3},
            "downloads": NO_QUEUE,
        },
    }
    assert shaped("status", body)


def test_the_queue_of_a_machine_without_accelerators_is_the_cpus() -> None:
    data = status(USED, CPU)["data"]

    assert data["queues"]["gpu_llm"] == NO_QUEUE
    assert data["queues"]["cpu_llm"]["size"] == 2
    assert data["queues"]["gpu_image"] == NO_QUEUE
    assert data["queues"]["cpu_image"]["size"] == 5
    enabled = data["config"]["workers_enabled"]
    assert [name for name in enabled if enabled[name]] == ["cpu_llm"]  # nothing else is installed


def test_a_voice_in_memory_is_told_where_it_is() -> None:
    voice = Model(kind=Model.SPEECH, loaded=LoadedModel(device_ids=["gpu_0"]))

    data = status(USED, CPU, models=(voice,))["data"]

    assert data["config"]["workers_enabled"]["gpu_tts"] is True
    assert data["queues"]["gpu_tts"]["size"] == 4


def test_what_is_not_known_of_the_machine_is_null() -> None:
    assert set(status(Resources(), CPU)["data"]["resources"].values()) == {None}


@pytest.mark.parametrize(
    ("code", "reason", "status"),
    [
        ("INVALID_ARGUMENT", 0, 400),
        ("UNAUTHENTICATED", 0, 401),
        ("PERMISSION_DENIED", 0, 403),
        ("NOT_FOUND", 0, 404),
        ("ABORTED", 0, 400),
        ("RESOURCE_EXHAUSTED", ErrorReason.LANE_FULL, 429),
        ("RESOURCE_EXHAUSTED", ErrorReason.STORAGE_FULL, 503),
        ("RESOURCE_EXHAUSTED", ErrorReason.ANSWER_TOO_LARGE, 400),
        ("DEADLINE_EXCEEDED", 0, 408),
        ("INTERNAL", 0, 500),
        ("UNIMPLEMENTED", 0, 500),
        ("UNAVAILABLE", 0, 503),
        ("CANCELLED", 0, 503),
        ("UNIMPLEMENTED", ErrorReason.METHOD_NOT_ALLOWED, 405),
    ],
)
def test_a_failure_has_one_of_the_documents_statuses(code: str, reason: Any, status: int) -> None:
    error = Error(code=code, reason=reason, message="No.")

    body: Any = ENVELOPE.failure(error)

    assert ENVELOPE.status(error) == status
    assert (body["ok"], body["data"]) == (False, None)
    assert (body["error"]["code"], body["error"]["message"]) == (status, "No.")
    assert list(lacks(shape_of("scheduler", "error", failed=True), body)) == []


def test_a_stream_that_fails_says_that_it_is_finished() -> None:
    told_last: Any = ENVELOPE.stream_failure(Error(code="UNAVAILABLE", message="Away."))

    assert (told_last["finished"], told_last["error"]["code"]) == (True, 503)


def test_calls_are_described_without_asking_anything() -> None:
    assert all(isinstance(call(route, asked()), Unary) for route in (HEALTH, STATUS))
