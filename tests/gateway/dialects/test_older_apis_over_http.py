"""Older APIs on a real gateway: paths, bodies, ids and failures."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from funland.v1.deployments_pb2 import Deployment, GetDeploymentRequest
from funland.v1.downloads_pb2 import Download, ListDownloadsResponse, StartDownloadRequest
from funland.v1.hardware_pb2 import Acceleration, SetAccelerationRequest
from funland.v1.hub_pb2 import HubInfo, HubModel, HubSync, SyncHubsEvent, SyncHubsResult
from funland.v1.inference_pb2 import (
    ChatRequest,
    ChatResponse,
    Delta,
    GenerateRequest,
    GenerateResponse,
    GenerationEvent,
    Start,
    TokenLogprob,
)
from funland.v1.models_pb2 import Origin
from funland.v1.tasks_pb2 import SubmitTaskRequest

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers


async def test_a_sync_is_one_answer_after_all_events(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def sync(_: Any, __: Any) -> AsyncIterator[SyncHubsEvent]:
        yield SyncHubsEvent(progress=HubSync(hub=Origin.OLLAMA, models=1))
        hub = HubInfo(hub=Origin.OLLAMA, catalog_models=1)
        yield SyncHubsEvent(finish=SyncHubsResult(hubs=[hub], models=1, added=1))

    answers["SyncHubs"] = sync

    async with http.post("/api/models/sync") as response:
        body = await response.json()

    assert (response.status, body["data"]["models"]) == (200, 1)


async def test_a_sync_that_fails_on_the_way_fails(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def sync(_: Any, context: Any) -> AsyncIterator[SyncHubsEvent]:
        yield SyncHubsEvent(progress=HubSync(hub=Origin.OLLAMA, models=1))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Away.")

    answers["SyncHubs"] = sync

    async with http.post("/api/models/sync") as response:
        body = await response.json()

    assert (response.status, body["success"], body["error"]) == (503, False, "SERVER_UNREACHABLE")


@pytest.mark.parametrize(
    ("path", "model_id"),
    [
        ("/api/models/qwen2.5:0.5b/info", "qwen2.5:0.5b"),
        ("/api/models/microsoft/DialoGPT-medium/info", "microsoft/DialoGPT-medium"),
        ("/api/v1/models/qwen/Qwen-7B-Chat", "qwen/Qwen-7B-Chat"),
        ("/api/v1/models/qwen%2FQwen-7B-Chat", "qwen/Qwen-7B-Chat"),
    ],
)
async def test_a_models_id_may_hold_a_slash(
    http: aiohttp.ClientSession, answers: Answers, path: str, model_id: str
) -> None:
    async def get(request: Any, _: Any) -> HubModel:
        return HubModel(model_id=request.model_id)

    async def downloads(_: Any, __: Any) -> ListDownloadsResponse:
        return ListDownloadsResponse()

    answers["GetHubModel"] = get
    answers["ListDownloads"] = downloads

    async with http.get(path) as response:
        assert (await response.json())["data"]["id"] == model_id


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b'{"model_id": 7}', 422),
        (b'{"model_id": "qwen"}', 400),
        (b"", 400),
        (b'{"model_id": "a/b"}', 200),
    ],
)
async def test_a_body_of_the_wrong_form_is_422_and_a_wrong_value_400(
    http: aiohttp.ClientSession, answers: Answers, body: bytes, status: int
) -> None:
    async def start(request: StartDownloadRequest, _: Any) -> Download:
        return Download(download_id="dl-1", source=request.source)

    answers["StartDownload"] = start

    async with http.post(
        "/api/v1/models/download", data=body, headers={"x-request-id": "mine"}
    ) as response:
        told = await response.json()

    assert (response.status, told["code"]) == (status, status)
    assert told["request_id"] == response.headers["x-request-id"] == "mine"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/models/nothing", 404),
        ("PUT", "/api/downloads/list", 405),
        ("GET", "/api/downloads/", 404),
    ],
)
async def test_what_is_not_there_is_told_in_the_shape_of_manager(
    http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, path) as response:
        body = await response.json()

    assert (response.status, body["success"]) == (status, False)
    assert set(body) == {"success", "message", "error", "timestamp"}


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("POST", 405)])
async def test_what_is_not_there_is_told_in_the_shape_of_platform(
    http: aiohttp.ClientSession, method: str, status: int
) -> None:
    path = "/api/v1/gpu" if status == 405 else "/api/v1/gpu/0"

    async with http.request(method, path) as response:
        body = await response.json()

    assert (response.status, set(body)) == (status, {"detail"})
    assert path in body["detail"]


async def test_what_the_server_finds_wrong_with_an_acceleration_has_the_bodys_names(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def get(_: Any, __: Any) -> Acceleration:
        return Acceleration()

    async def refuse(request: SetAccelerationRequest, context: Any) -> Acceleration:
        assert request.acceleration.primary_device_id == "gpu_7"
        wrong = BadRequest.FieldViolation(
            field="acceleration.primary_device_id", description="is not there"
        )
        status = Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message="No.")
        status.details.add().Pack(BadRequest(field_violations=[wrong]))
        convert: Any = rpc_status  # its stubs lack the types
        await context.abort_with_status(convert.to_status(status))
        raise AssertionError

    answers["GetAcceleration"] = get
    answers["SetAcceleration"] = refuse

    async with http.post(
        "/api/v1/hardware/acceleration", json={"primary_device": "gpu_7"}
    ) as response:
        body = await response.json()

    assert (response.status, body["error"]["field_errors"]) == (
        400,
        {"primary_device": "is not there"},
    )


async def test_a_path_of_two_apis_fails_in_the_shape_of_the_one_that_was_asked(
    http: aiohttp.ClientSession,
) -> None:
    path = "/api/v1/models/owner/load"  # a model `load` of an owner, or the load of a model `owner`

    async with http.get(path) as hellovm, http.post(path) as inference:
        first, second = await hellovm.json(), await inference.json()

    assert first["error"]["reason"] == "UNIMPLEMENTED"
    assert set(second["error"]) == {"code", "message", "details"}


def deploys(answers: Answers) -> None:
    """Has one deployment, `chat`."""

    async def get(request: GetDeploymentRequest, context: Any) -> Deployment:
        if request.deployment_id != "chat":
            await context.abort(grpc.StatusCode.NOT_FOUND, "Nobody deployed that.")
        return Deployment(deployment_id="deploy_1", model="tiny", metadata={"model_id": "a/b"})

    answers["GetDeployment"] = get


async def test_a_deployments_stream_fails_in_the_shape_of_manager(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def chat(request: ChatRequest, context: Any) -> AsyncIterator[GenerationEvent]:
        assert request.model == "deploy_1"
        yield GenerationEvent(start=Start(id="1", model="tiny"))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Away.")

    deploys(answers)
    answers["StreamChat"] = chat
    body = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}

    async with http.post("/api/chat/chat", json=body) as response:
        lines = (await response.text()).split("\n\n")

    assert (response.status, response.content_type) == (200, "text/event-stream")
    first, failed = (json.loads(line.removeprefix("data: ")) for line in lines if line)
    assert first["model"] == "a/b"
    assert (failed["success"], failed["error"]) == (False, "SERVER_UNREACHABLE")


@pytest.mark.parametrize("stream", [False, True])
async def test_a_deployment_that_is_not_there_fails_before_its_stream_begins(
    http: aiohttp.ClientSession, answers: Answers, stream: bool
) -> None:
    deploys(answers)
    body = {"prompt": "Once", "stream": stream}

    async with http.post("/api/completions/ghost", json=body) as response:
        told = await response.json()

    assert (response.status, told["success"], told["error"]) == (404, False, "NOT_FOUND")


async def test_what_is_wrong_with_a_sampling_has_the_bodys_names(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def chat(_: ChatRequest, context: Any) -> ChatResponse:
        wrong = BadRequest.FieldViolation(field="sampling.top_p", description="is too much")
        status = Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message="No.")
        status.details.add().Pack(BadRequest(field_violations=[wrong]))
        convert: Any = rpc_status  # its stubs lack the types
        await context.abort_with_status(convert.to_status(status))
        raise AssertionError

    deploys(answers)
    answers["Chat"] = chat
    body = {"messages": [{"role": "user", "content": "Hi"}], "top_p": 7}

    async with http.post("/api/chat/chat", json=body) as response:
        told = await response.json()

    assert (response.status, told["message"]) == (400, "top_p: is too much")


async def test_an_older_server_is_no_defect_of_the_gateway(http: aiohttp.ClientSession) -> None:
    async with http.get("/api/models/stats") as manager, http.get("/api/v1/downloads") as hellovm:
        first, second = await manager.json(), await hellovm.json()

    assert (manager.status, first["error"]) == (501, "UNIMPLEMENTED")
    assert (hellovm.status, second["error"]["reason"]) == (500, "UNIMPLEMENTED")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/tasks/7/nothing", 404),
        ("POST", "/api/v1/tasks/7", 405),
        ("GET", "/api/v1/llm/generate", 405),
        ("POST", "/api/v1/llm/generate/nothing", 404),
    ],
)
async def test_what_is_not_there_is_told_in_the_shape_of_scheduler(
    http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, path) as response:
        body = await response.json()

    assert (response.status, body["ok"], body["data"]) == (status, False, None)
    assert body["error"]["code"] == status


async def test_a_prompts_stream_that_fails_says_so_in_its_last_event(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def generate(request: GenerateRequest, context: Any) -> AsyncIterator[GenerationEvent]:
        assert request.options.top_logprobs == 0
        yield GenerationEvent(delta=Delta(text="Once", logprobs=[TokenLogprob()]))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "Away.")

    answers["StreamGenerate"] = generate
    body = {"prompt": "Hi", "parameters": {"stream": True}}

    async with http.post("/api/v1/llm/generate", json=body) as response:
        lines = (await response.text()).split("\n\n")

    assert (response.status, response.content_type) == (200, "text/event-stream")
    first, failed = (json.loads(line.removeprefix("data: ")) for line in lines if line)
    assert first == {"text": "Once", "token_count": 1, "finished": False}
    assert (failed["ok"], failed["finished"], failed["error"]["code"]) == (False, True, 503)


@pytest.mark.parametrize("path", ["/api/v1/llm/generate", "/api/v1/llm/generate/async"])
async def test_what_the_server_finds_wrong_with_a_prompt_has_the_bodys_names(
    http: aiohttp.ClientSession, answers: Answers, path: str
) -> None:
    async def refuse(request: Any, context: Any) -> GenerateResponse:
        inner = "work.generate." if isinstance(request, SubmitTaskRequest) else ""
        wrong = BadRequest.FieldViolation(field=f"{inner}sampling.stop[0]", description="is long")
        status = Status(code=grpc.StatusCode.INVALID_ARGUMENT.value[0], message="No.")
        status.details.add().Pack(BadRequest(field_violations=[wrong]))
        convert: Any = rpc_status  # its stubs lack the types
        await context.abort_with_status(convert.to_status(status))
        raise AssertionError

    answers["Generate"] = answers["SubmitTask"] = refuse
    body = {"prompt": "Hi", "parameters": {"stop_sequences": ["x"]}}

    async with http.post(path, json=body) as response:
        told = await response.json()

    assert (response.status, told["error"]["message"]) == (
        400,
        "parameters.stop_sequences[0]: is long",
    )
