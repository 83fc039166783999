"""Deployments, chats and completions of the `manager` dialect: requests, and what is answered."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1 import deployments_pb2, inference_pb2
from funland.v1.deployments_pb2 import Deployment, LogLine, VllmSettings
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import (
    BatchGenerateRequest,
    ChatRequest,
    ChatResponse,
    Delta,
    Finish,
    GenerateRequest,
    GenerateResponse,
    GenerationEvent,
    Start,
    Usage,
)
from funland.v1.models_pb2 import LoadSettings, Model, Origin
from funland.v1.system_pb2 import PartHealth
from funland_gateway.dialects.dialect import Reply, Streaming, Together, Unary
from funland_gateway.dialects.manager.deployed import STATES, status_word
from funland_gateway.dialects.manager.errors import ENVELOPE, error_body
from funland_gateway.dialects.manager.routes import MANAGER
from tests.gateway.dialects.asked import NOW, TOLD_NOW, asked, call, refused, told

ROUTES = {(route.method, route.path): route for route in MANAGER.routes}
START = ROUTES["POST", "/api/deployments/start"]
LIST = ROUTES["GET", "/api/deployments/list"]
GET = ROUTES["GET", "/api/deployments/{deployment_id}"]
LOGS = ROUTES["GET", "/api/deployments/{deployment_id}/logs"]
HEALTH = ROUTES["GET", "/api/deployments/{deployment_id}/health"]
MODEL_INFO = ROUTES["GET", "/api/deployments/{deployment_id}/model-info"]
CHAT = ROUTES["POST", "/api/chat/{deployment_id}"]
COMPLETIONS = ROUTES["POST", "/api/completions/{deployment_id}"]

PATH = {"deployment_id": "deploy_1"}
HELLO = [{"role": "user", "content": "Hello!"}]
DEPLOYED = Deployment(
    deployment_id="deploy_1", model="dialogpt-medium", state=Deployment.RUNNING,
    metadata={"model_id": "microsoft/DialoGPT-medium", "model_source": "huggingface"},
)  # fmt: skip


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {
                "model_id": "microsoft/DialoGPT-medium",
                "model_source": "huggingface",
                "port": 8000,
                "gpu_memory_utilization": 0.5,
                "max_model_len": 2048,
            },
            deployments_pb2.StartDeploymentRequest(
                model="microsoft/DialoGPT-medium", hub=Origin.HUGGINGFACE, port=8000,
                settings=LoadSettings(gpu_memory_fraction=0.5, context_length=2048),
                vllm=VllmSettings(gpu_memory_utilization=0.5, max_model_len=2048),
                metadata={"model_id": "microsoft/DialoGPT-medium", "model_source": "huggingface"},
            ),
        ),
        (
            {"model_id": "a/b"},
            deployments_pb2.StartDeploymentRequest(model="a/b", metadata={"model_id": "a/b"}),
        ),
        (
            {"model_id": "a/b", "model_source": "ollama", "gpu_memory_utilization": 1},
            deployments_pb2.StartDeploymentRequest(
                model="a/b", hub=Origin.OLLAMA, settings=LoadSettings(gpu_memory_fraction=1),
                vllm=VllmSettings(gpu_memory_utilization=1),
                metadata={"model_id": "a/b", "model_source": "ollama"},
            ),
        ),
    ],
    ids=["all", "the model", "some"],
)  # fmt: skip
def test_a_start_is_the_contracts(body: dict[str, Any], message: Message) -> None:
    assert call(START, asked(body)).message == message


@pytest.mark.parametrize(
    ("method", "verb", "rpc"),
    [
        ("PUT", "/stop", "StopDeployment"),
        ("PUT", "/restart", "RestartDeployment"),
        ("GET", "", "GetDeployment"),
        ("DELETE", "", "DeleteDeployment"),
        ("GET", "/health", "GetDeploymentHealth"),
        ("GET", "/model-info", "GetDeploymentModel"),
    ],
)
def test_a_deployment_is_named_by_its_path(method: str, verb: str, rpc: str) -> None:
    described = call(ROUTES[method, "/api/deployments/{deployment_id}" + verb], asked(path=PATH))

    assert described.rpc.name == rpc
    assert described.message == type(described.message)(deployment_id="deploy_1")


def test_a_list_is_of_one_status_or_all() -> None:
    every = call(LIST, asked()).message
    failed = call(LIST, asked(status="error")).message

    assert every == deployments_pb2.ListDeploymentsRequest(page_size=1000)
    assert failed == deployments_pb2.ListDeploymentsRequest(
        states=[Deployment.FAILED], page_size=1000
    )


def test_each_state_has_the_documents_word() -> None:
    states = [value.number for value in Deployment.State.DESCRIPTOR.values if value.number]

    assert sorted(state for words in STATES.values() for state in words) == states
    assert status_word(99) == "pending"  # pyright: ignore[reportArgumentType]  # a later server's


@pytest.mark.parametrize(
    ("lines", "asked_for"), [({}, 100), ({"lines": "7"}, 7), ({"lines": "10000"}, 10_000)]
)
def test_so_many_lines_of_a_log_are_asked_for(lines: dict[str, str], asked_for: int) -> None:
    described = call(LOGS, asked(None, PATH, **lines))

    assert described.message == deployments_pb2.GetDeploymentLogsRequest(
        deployment_id="deploy_1", lines=asked_for
    )


@pytest.mark.parametrize(
    ("route", "incoming", "field"),
    [
        (START, asked({}), "model_id"),
        (START, asked({"model_id": 7}), "model_id"),
        (START, asked({"model_id": "m", "model_source": "github"}), "model_source"),
        (START, asked({"model_id": "m", "port": "8000"}), "port"),
        (START, asked({"model_id": "m", "gpu_memory_utilization": 0}), "gpu_memory_utilization"),
        (START, asked({"model_id": "m", "gpu_memory_utilization": 1.1}), "gpu_memory_utilization"),
        (START, asked({"model_id": "m", "max_model_len": 15}), "max_model_len"),
        (START, asked({"model_id": "m", "max_model_len": 16_777_217}), "max_model_len"),
        (LIST, asked(status="failed"), "status"),
        (LOGS, asked(path=PATH, lines="0"), "lines"),
        (LOGS, asked(path=PATH, lines="10001"), "lines"),
        (CHAT, asked({}, PATH), "messages"),
        (CHAT, asked({"messages": [{"role": "bard", "content": ""}]}, PATH), "messages[0].role"),
        (COMPLETIONS, asked({}, PATH), "prompt"),
    ],
)
def test_a_wrong_request_names_its_field(route: Any, incoming: Any, field: str) -> None:
    error = refused(route, incoming)

    assert [violation.field for violation in error.field_violations] == [field]


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("model", "model_id"),
        ("hub", "model_source"),
        ("port", "port"),
        ("settings.context_length", "max_model_len"),
        ("settings.gpu_memory_fraction", "gpu_memory_utilization"),
        ("vllm.max_model_len", "max_model_len"),
        ("vllm.gpu_memory_utilization", "gpu_memory_utilization"),
    ],
)
def test_what_the_server_finds_wrong_with_a_start_has_this_apis_names(
    field: str, name: str
) -> None:
    assert call(START, asked({"model_id": "m"})).field_name(field) == name


def test_a_deployment_is_told() -> None:
    running = Deployment(
        deployment_id="deploy_1", name="chat", model="dialogpt-medium", replicas=2, port=8000,
        source="microsoft/DialoGPT-medium", state=Deployment.RUNNING, download_id="dl-1",
        endpoint_url="http://127.0.0.1:8000", metadata=DEPLOYED.metadata,
        settings=LoadSettings(gpu_memory_fraction=0.8, context_length=2048),
        create_time=Timestamp(seconds=NOW), start_time=Timestamp(seconds=NOW + 60),
        update_time=Timestamp(seconds=NOW + 60),
    )  # fmt: skip

    assert told(call(GET, asked(path=PATH)), running) == {
        "success": True,
        "message": "Success",
        "code": 200,
        "timestamp": TOLD_NOW,
        "data": {
            "deployment_id": "deploy_1",
            "model_id": "microsoft/DialoGPT-medium",
            "model_source": "huggingface",
            "status": "running",
            "host": "127.0.0.1",
            "port": 8000,
            "gpu_memory_utilization": 0.8,
            "max_model_len": 2048,
            "name": "chat",
            "replicas": 2,
            "endpoint": "http://127.0.0.1:8000",
            "endpoint_error": None,
            "download_task_id": "dl-1",
            "error": None,
            "error_message": None,
            "created_at": TOLD_NOW,
            "started_at": "2023-11-14T22:14:20Z",
            "updated_at": "2023-11-14T22:14:20Z",
        },
    }


def test_what_is_not_known_of_a_deployment_is_null() -> None:
    failed = Deployment(
        deployment_id="deploy_2", model="mine", state=Deployment.FAILED, replicas=1,
        error=Error(code="NOT_FOUND", reason=ErrorReason.HUB_MODEL_NOT_FOUND, message="No mine."),
    )  # fmt: skip

    body = told(call(LIST, asked()), deployments_pb2.ListDeploymentsResponse(
        deployments=[failed], total_size=1
    ))  # fmt: skip

    assert body["data"]["total"] == 1
    (item,) = body["data"]["items"]
    assert {name: value for name, value in item.items() if value is not None} == {
        "deployment_id": "deploy_2",
        "model_id": "mine",
        "status": "error",
        "replicas": 1,
        "error": "MODEL_NOT_FOUND",
        "error_message": "No mine.",
    }


def test_what_runs_under_vllm_has_vllms_settings() -> None:
    deployment = Deployment(
        engine=Deployment.VLLM, vllm=VllmSettings(gpu_memory_utilization=0.8, max_model_len=2048)
    )

    data = told(call(GET, asked(path=PATH)), deployment)["data"]

    assert (data["gpu_memory_utilization"], data["max_model_len"]) == (0.8, 2048)


def test_logs_health_and_the_model_are_told() -> None:
    lines = [
        LogLine(number=3, time=Timestamp(seconds=NOW), level="info", text="It starts."),
        LogLine(number=4, level="error", replica=0, text="No!"),
    ]
    logs = deployments_pb2.GetDeploymentLogsResponse(lines=lines)
    health = deployments_pb2.DeploymentHealth(
        deployment_id="deploy_1", state=PartHealth.DEGRADED, message="Half.", answering=1,
        replicas=2, latency_ms=12.34,
    )  # fmt: skip
    model = Model(
        model_id="dialogpt-medium", display_name="DialoGPT", format=Model.GGUF, can_chat=True,
        quantization="Q8_0", parameter_count=117_000_000, size_bytes=500_000_000,
        origin=Origin(hub=Origin.HUGGINGFACE, model_id="microsoft/DialoGPT-medium"),
    )  # fmt: skip
    found = deployments_pb2.DeploymentModel(
        deployment_id="deploy_1", model=model, names=["deploy_1"], engine="vllm 0.32.0"
    )

    assert told(call(LOGS, asked(path=PATH)), logs)["data"] == {
        "deployment_id": "deploy_1",
        "logs": [
            {
                "number": 3,
                "timestamp": TOLD_NOW,
                "level": "info",
                "replica": None,
                "message": "It starts.",
            },
            {"number": 4, "timestamp": None, "level": "error", "replica": 0, "message": "No!"},
        ],
    }
    assert told(call(HEALTH, asked(path=PATH)), health)["data"] == {
        "deployment_id": "deploy_1",
        "status": "degraded",
        "message": "Half.",
        "answering": 1,
        "replicas": 2,
        "latency_ms": 12.3,
    }
    assert told(call(MODEL_INFO, asked(path=PATH)), found)["data"] == {
        "deployment_id": "deploy_1",
        "id": "microsoft/DialoGPT-medium",
        "model_id": "dialogpt-medium",
        "name": "DialoGPT",
        "description": None,
        "source": "huggingface",
        "parameters": "117M",
        "size_gb": 0.5,
        "format": "gguf",
        "quantization": "Q8_0",
        "architecture": None,
        "max_model_len": None,
        "engine": "vllm 0.32.0",
        "served_model_names": ["deploy_1"],
        "supports_chat": True,
    }


def test_what_was_done_is_told_beside_the_deployment() -> None:
    def message(method: str, path: str, response: Message) -> str:
        return told(call(ROUTES[method, path], asked({"model_id": "m"}, PATH)), response)["message"]

    one = "/api/deployments/{deployment_id}"
    assert message("POST", "/api/deployments/start", DEPLOYED) == "Deployment starting"
    assert message("PUT", f"{one}/stop", DEPLOYED) == "Deployment stopping"
    assert message("PUT", f"{one}/restart", DEPLOYED) == "Deployment restarting"
    assert message("DELETE", one, Empty()) == "Deployment deleted"


@pytest.mark.parametrize(
    ("reason", "code", "status"),
    [
        (ErrorReason.DEPLOYMENT_NOT_RUNNING, "DEPLOYMENT_NOT_RUNNING", 409),
        (ErrorReason.DEPLOYMENT_NOT_FOUND, "DEPLOYMENT_NOT_FOUND", 404),
        (ErrorReason.MODEL_CANNOT_CHAT, "CHAT_NOT_SUPPORTED", 400),
        (ErrorReason.MODEL_NOT_FOUND, "MODEL_NOT_FOUND", 404),
    ],
)
def test_an_error_has_the_documents_code(
    reason: ErrorReason.ValueType, code: str, status: int
) -> None:
    canonical = "NOT_FOUND" if status == 404 else "FAILED_PRECONDITION"
    error = Error(code=canonical, reason=reason, message="No.")

    assert error_body(error, NOW)["error"] == code
    assert ENVELOPE.status(error) == status


def test_a_source_of_a_deployment_that_is_none_has_its_code() -> None:
    error = refused(START, asked({"model_id": "m", "model_source": "github"}))

    assert error_body(error, NOW)["error"] == "INVALID_SOURCE"


def then(first: Unary, deployment: Deployment = DEPLOYED) -> Any:
    """What is asked when the deployment is found."""
    assert first.message == deployments_pb2.GetDeploymentRequest(deployment_id="deploy_1")
    return first.answer(deployment)


def test_a_chat_is_openais_in_this_envelope_and_under_the_models_name() -> None:
    body = {
        "messages": HELLO, "stream": False, "temperature": 0.5, "max_tokens": 1000, "top_p": 0.25,
        "model": "gpt-5", "store": True, "metadata": {"k": "v"},
    }  # fmt: skip

    described = then(call(CHAT, asked(body, PATH)))

    assert isinstance(described, Unary)
    assert isinstance(described.message, ChatRequest)
    assert described.message.model == "deploy_1"
    assert described.message.sampling == inference_pb2.SamplingParameters(
        temperature=0.5, max_tokens=1000, top_p=0.25
    )
    answer = ChatResponse(
        id="1", model="dialogpt-medium", message={"content": "Hi."}, finish_reason=Finish.STOP,  # pyright: ignore[reportArgumentType]  # protobuf takes a dictionary
        usage=Usage(prompt_tokens=10, completion_tokens=15, total_tokens=25),
    )  # fmt: skip
    reply = told(described, answer)
    assert (reply["success"], reply["code"], reply["timestamp"]) == (True, 200, TOLD_NOW)
    data = reply["data"]
    assert data["id"] == "chatcmpl-1"
    assert (data["object"], data["created"]) == ("chat.completion", NOW)
    assert data["model"] == "microsoft/DialoGPT-medium"
    assert data["choices"][0]["message"]["content"] == "Hi."
    assert data["usage"]["total_tokens"] == 25


def test_a_completion_is_openais_in_this_envelope() -> None:
    body = {"prompt": "Once upon a time", "max_tokens": 100}

    described = then(call(COMPLETIONS, asked(body, PATH)))

    assert isinstance(described.message, GenerateRequest)
    assert (described.message.model, described.message.prompt) == ("deploy_1", "Once upon a time")
    data = told(described, GenerateResponse(id="1", text=", there", finish_reason=Finish.LENGTH))[
        "data"
    ]
    assert (data["id"], data["object"]) == ("cmpl-1", "text_completion")
    assert data["choices"][0]["text"] == ", there"
    assert data["choices"][0]["finish_reason"] == "length"


def test_several_prompts_are_all_for_the_deployment() -> None:
    batch = then(call(COMPLETIONS, asked({"prompt": ["a", "b"]}, PATH)))
    streams = then(call(COMPLETIONS, asked({"prompt": ["a", "b"], "stream": True}, PATH)))

    assert isinstance(batch.message, BatchGenerateRequest)
    assert [request.model for request in batch.message.requests] == ["deploy_1"] * 2
    assert isinstance(streams, Together)
    messages: list[Any] = [part.message for part in streams.parts]
    assert [message.model for message in messages] == ["deploy_1"] * 2


@pytest.mark.parametrize(
    ("route", "body", "kind"),
    [
        (CHAT, {"messages": HELLO}, "chat.completion.chunk"),
        (COMPLETIONS, {"prompt": "Once"}, "text_completion"),
    ],
    ids=["chat", "completion"],
)
def test_a_stream_has_openais_chunks_under_the_models_name(
    route: Any, body: dict[str, Any], kind: str
) -> None:
    described = then(call(route, asked({**body, "stream": True}, PATH)))

    assert isinstance(described, Streaming)
    message: Any = described.message
    assert message.model == "deploy_1"
    events = [
        GenerationEvent(start=Start(id="1", model="dialogpt-medium")),
        GenerationEvent(delta=Delta(text="Hi")),
        GenerationEvent(finish=Finish(reason=Finish.STOP)),
    ]
    sent = [data for event in events for data in described.events(event)]
    assert sent[-1] == b"[DONE]"
    chunks = [orjson.loads(data) for data in sent[:-1] if isinstance(data, bytes)]
    assert {chunk["object"] for chunk in chunks} == {kind}
    assert {chunk["model"] for chunk in chunks} == {"microsoft/DialoGPT-medium"}
    assert events[0].start.model == "dialogpt-medium"  # The event is not ours to change.
    assert described.is_last(events[-1])


def test_a_model_that_nobody_named_has_its_own_name() -> None:
    bare = Deployment(deployment_id="deploy_1", model="mine")
    described = then(call(CHAT, asked({"messages": HELLO}, PATH)), bare)

    reply = described.answer(ChatResponse(model="other"))
    assert isinstance(reply, Reply)
    assert orjson.loads(reply.content)["data"]["model"] == "mine"
