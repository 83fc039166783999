"""A chat is one trace over each wire, and a trace has nothing of what was said."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import grpc
import grpc.aio
import orjson
import pytest

from funland.v1 import inference_pb2, models_pb2
from funland.v1.inference_pb2_grpc import InferenceServiceStub
from funland.v1.models_pb2_grpc import ModelServiceStub
from funland_gateway.app import Gateway
from funland_gateway.channel import GrpcChannel
from funland_gateway.config import GatewaySettings
from funland_server.tracing.exporting import ExportedTraces
from tests.collector import Collector, Told, collecting, tree
from tests.conftest import Stack, running

MARK = "quagmirezephyr"
STORY = f"Tell me a story. {MARK}"
KEY = "key-of-nobody-else"
Tree: TypeAlias = dict[str, Any]
RPC = "funland.v1.InferenceService"
GENERATION: Tree = {"chat funland-tiny": {"queue": {}, "prompt": {}, "decode": {}}}
SPAN = "b7ad6b7169203331"


@dataclass(frozen=True, slots=True)
class Traced:
    """A service whose traces are collected."""

    stack: Stack
    collector: Collector
    url: str


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    with (
        collecting() as (collector, url),
        running(
            tmp_path_factory.mktemp("traced"),
            FUNLAND_SERVER__TRACES_ENDPOINT=url,
            OTEL_BSP_SCHEDULE_DELAY="20",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=trial",
        ) as stack,
    ):
        yield Traced(stack, collector, url)


@pytest.fixture
async def http(traced: Traced) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(traced.stack.http_url) as session:
        yield session


@pytest.fixture
async def channel(traced: Traced) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(traced.stack.grpc_address) as channel:
        yield channel


_numbers = itertools.count(1)


def new_trace(*, sampled: bool = True) -> tuple[str, dict[str, str]]:
    """A trace's id, and the headers of who is part of it."""
    trace_id = f"{next(_numbers):032x}"
    told = f"00-{trace_id}-{SPAN}-{'01' if sampled else '00'}"
    return trace_id, {"traceparent": told, "tracestate": "vendor=1"}


BODY: dict[str, Any] = {
    "messages": [{"role": "user", "content": STORY}], "temperature": 0, "max_tokens": 8,
}  # fmt: skip


def chat(**more: Any) -> inference_pb2.ChatRequest:
    said = inference_pb2.Message(role=inference_pb2.Message.USER, content=STORY)
    request = inference_pb2.ChatRequest(messages=[said])
    request.sampling.max_tokens = 8
    request.sampling.temperature = 0
    return request


async def over_grpc(traced: Traced, headers: dict[str, str]) -> None:
    async with grpc.aio.insecure_channel(traced.stack.grpc_address) as channel:
        stub: Any = InferenceServiceStub(channel)
        await stub.Chat(chat(), metadata=tuple(headers.items()))


async def over_rest(traced: Traced, headers: dict[str, str]) -> None:
    body = {
        "messages": [{"role": "USER", "content": STORY}],
        "sampling": {"temperature": 0, "max_tokens": 8},
    }
    async with (
        aiohttp.ClientSession(traced.stack.http_url, headers=headers) as http,
        http.post("/funland/v1/chat", json=body) as answer,
    ):
        assert answer.status == 200


async def over_sse(traced: Traced, headers: dict[str, str]) -> None:
    async with (
        aiohttp.ClientSession(traced.stack.http_url, headers=headers) as http,
        http.post("/v1/chat/completions", json={**BODY, "stream": True}) as answer,
    ):
        assert (await answer.read()).endswith(b"data: [DONE]\n\n")


async def over_a_socket(traced: Traced, headers: dict[str, str]) -> None:
    sampling = {"sampling": {"temperature": 0, "max_tokens": 8}}
    async with aiohttp.ClientSession(traced.stack.http_url) as http:
        async with http.post("/funland/v1/sessions", json=sampling) as made:
            session = (await made.json())["session_id"]
        path = f"/funland/v1/sessions/{session}:converse"
        async with http.ws_connect(path, headers=headers) as socket:
            await socket.send_json({"send": {"content": STORY}})
            async for message in socket:
                told = orjson.loads(message.data).get("message", {})
                answers = told.get("message", {}).get("role") == "ASSISTANT"
                if answers and told["state"] != "IN_PROGRESS":
                    break


def below(http_span: str, rpc: str) -> dict[str, Any]:
    """What a call through the gateway is."""
    return {http_span: {f"{RPC}/{rpc}": {f"{RPC}/{rpc}": GENERATION}}}


CONVERSE = "funland.v1.SessionService/Converse"
SOCKET = "GET /funland/v1/sessions/{session_id}:converse"
TALK: Tree = {SOCKET: {CONVERSE: {CONVERSE: GENERATION}}}


def _count(spans: Tree) -> int:
    """How many a tree has."""
    return sum(1 + _count(one) for one in spans.values())


Way = Callable[[Traced, dict[str, str]], Coroutine[Any, Any, None]]


@pytest.mark.parametrize(
    ("way", "last", "expected"),
    [
        (over_grpc, f"{RPC}/Chat", {f"{RPC}/Chat": GENERATION}),
        (over_rest, "POST /funland/v1/chat", below("POST /funland/v1/chat", "Chat")),
        (
            over_sse,
            "POST /v1/chat/completions",
            below("POST /v1/chat/completions", "StreamChat"),
        ),
        (over_a_socket, SOCKET, TALK),
    ],
    ids=["gRPC", "REST", "SSE", "WebSocket"],
)
async def test_a_chat_is_one_trace(
    traced: Traced, way: Way, last: str, expected: dict[str, Any]
) -> None:
    await over_grpc(traced, {})  # it is loaded now
    trace_id, headers = new_trace()

    await way(traced, headers)

    spans = await asyncio.to_thread(traced.collector.trace, trace_id, last)
    spans = [one for one in spans if not one.name.startswith("acquire")]
    assert tree(spans) == expected
    (first,) = [one for one in spans if one.span.parent_span_id.hex() == SPAN]
    assert (first.name, first.kind) == (last, "SERVER")
    assert first.span.trace_state == "vendor=1"
    assert not any(one.failed for one in spans if one.name != SOCKET)
    (generation,) = [one for one in spans if one.name == "chat funland-tiny"]
    assert generation.attributes["gen_ai.operation.name"] == "chat"
    assert generation.attributes["gen_ai.request.model"] == "funland-tiny"
    assert generation.attributes["gen_ai.request.max_tokens"] == 8
    assert generation.attributes["gen_ai.usage.output_tokens"] == 8
    assert generation.attributes["gen_ai.usage.input_tokens"] > 8
    assert generation.attributes["gen_ai.response.finish_reasons"] == ["length"]
    assert generation.attributes["gen_ai.response.time_to_first_chunk"] > 0
    for one in spans:
        assert one.span.start_time_unix_nano <= one.span.end_time_unix_nano
    for part in ("queue", "prompt", "decode"):
        (phase,) = [one for one in spans if one.name == part]
        assert phase.span.start_time_unix_nano >= generation.span.start_time_unix_nano
        assert phase.span.end_time_unix_nano <= generation.span.end_time_unix_nano
    assert f"trace_id={trace_id}" in traced.stack.log()


async def test_an_http_request_is_described_as_the_conventions_have_it(
    traced: Traced, http: aiohttp.ClientSession
) -> None:
    trace_id, headers = new_trace()
    path = "/funland/v1/models/funland-tiny?x-secret="

    async with http.get(path + KEY, headers={**headers, "x-request-id": "mine"}):
        pass
    async with http.get("/funland/v1/models/funland-tiny", headers=headers) as answer:
        assert answer.status == 200

    name = "GET /funland/v1/models/{model_id}"
    spans = await asyncio.to_thread(
        traced.collector.until,
        lambda spans: sum(one.name == name and one.trace_id == trace_id for one in spans) == 2,
    )
    refused, good = [one for one in spans if one.name == name and one.trace_id == trace_id]
    assert refused.attributes == {
        "http.request.method": "GET", "http.route": "/funland/v1/models/{model_id}",
        "url.scheme": "http", "funland.request_id": "mine",
        "http.response.status_code": 400, "error.type": "FIELD_INVALID",
    }  # fmt: skip
    assert not refused.failed  # the caller did
    assert good.attributes["http.response.status_code"] == 200
    assert "error.type" not in good.attributes
    (resource,) = {tuple(sorted(one.items())) for one in traced.collector.resources}
    assert ("service.name", "funland") in resource
    assert ("deployment.environment.name", "trial") in resource


async def test_an_error_is_told_by_its_reason(traced: Traced, http: aiohttp.ClientSession) -> None:
    trace_id, headers = new_trace()

    async with http.post(
        "/v1/chat/completions", json={**BODY, "model": f"no-{MARK}"}, headers=headers
    ) as answer:
        assert answer.status == 404

    spans = await asyncio.to_thread(traced.collector.trace, trace_id, "POST /v1/chat/completions")
    rpcs = [one for one in spans if one.name == f"{RPC}/Chat"]
    assert {one.attributes["error.type"] for one in (*rpcs, spans[-1])} == {"MODEL_NOT_FOUND"}
    assert {one.kind: one.failed for one in rpcs} == {"CLIENT": True, "SERVER": False}
    assert {one.attributes["rpc.response.status_code"] for one in rpcs} == {"NOT_FOUND"}


async def test_a_stream_that_is_left_says_so(
    traced: Traced, channel: grpc.aio.Channel, http: aiohttp.ClientSession
) -> None:
    request = chat()
    request.sampling.max_tokens = 4000
    request.sampling.ignore_end = True
    grpc_id, headers = new_trace()
    stub: Any = InferenceServiceStub(channel)
    stream = stub.StreamChat(request, metadata=tuple(headers.items()))
    while not (await stream.read()).HasField("delta"):
        pass
    stream.cancel()
    http_id, headers = new_trace()
    body = {**BODY, "stream": True, "max_tokens": 4000, "ignore_eos": True}
    async with http.post("/v1/chat/completions", json=body, headers=headers) as answer:
        await answer.content.readline()
        answer.close()

    left = await asyncio.to_thread(traced.collector.trace, grpc_id, f"{RPC}/StreamChat")
    (rpc,) = [one for one in left if one.kind == "SERVER"]
    assert rpc.attributes["rpc.response.status_code"] == "CANCELLED"
    (generation,) = [one for one in left if one.name == "chat funland-tiny"]
    assert generation.attributes["error.type"] == "CANCELLED"
    assert not generation.failed
    assert tree(left)[rpc.name]["chat funland-tiny"] == {"queue and prompt": {}, "decode": {}}
    left = await asyncio.to_thread(traced.collector.trace, http_id, "POST /v1/chat/completions")
    cancelled = {one.name for one in left if one.attributes.get("error.type") == "CANCELLED"}
    assert cancelled == {"POST /v1/chat/completions", f"{RPC}/StreamChat", "chat funland-tiny"}


async def test_what_is_not_sampled_is_not_sent(traced: Traced, http: aiohttp.ClientSession) -> None:
    unsampled, headers = new_trace(sampled=False)
    async with http.post("/v1/chat/completions", json=BODY, headers=headers) as answer:
        assert answer.status == 200
    trace_id, headers = new_trace()
    async with http.get("/funland/v1/models/funland-tiny", headers=headers) as answer:
        assert answer.status == 200

    name = "GET /funland/v1/models/{model_id}"
    await asyncio.to_thread(traced.collector.trace, trace_id, name)

    spans = traced.collector.until(bool)
    assert unsampled not in {one.trace_id for one in spans}
    assert f"trace_id={unsampled}" in traced.stack.log()


@pytest.mark.parametrize("traceparent", ["", "00-nothing", f"00-{'0' * 32}-{SPAN}-01", "ff" * 900])
async def test_what_is_no_trace_begins_one(
    traced: Traced, http: aiohttp.ClientSession, traceparent: str
) -> None:
    headers = {"traceparent": traceparent, "x-request-id": f"r{hash(traceparent) % 10**9}"}
    async with http.get("/funland/v1/models/funland-tiny", headers=headers) as answer:
        assert answer.status == 200

    def is_it(one: Told) -> bool:
        return one.name.startswith("GET") and (
            one.attributes["funland.request_id"] == headers["x-request-id"]
        )

    spans = await asyncio.to_thread(traced.collector.until, lambda spans: any(map(is_it, spans)))
    (request,) = filter(is_it, spans)
    assert request.span.parent_span_id == b""


async def test_embeddings_are_told(traced: Traced, http: aiohttp.ClientSession) -> None:
    trace_id, headers = new_trace()

    async with http.post("/v1/embeddings", json={"input": MARK}, headers=headers) as answer:
        assert answer.status == 200

    spans = await asyncio.to_thread(traced.collector.trace, trace_id, "POST /v1/embeddings")
    (span,) = [one for one in spans if one.name == "embeddings funland-tiny"]
    assert span.attributes["gen_ai.operation.name"] == "embeddings"
    assert span.attributes["gen_ai.usage.input_tokens"] > 0


async def test_jobs_of_models_are_told(traced: Traced, http: aiohttp.ClientSession) -> None:
    trace_id, headers = new_trace()
    spoken = {"model": "tts-1", "voice": "alloy", "input": "Hi.", "response_format": "wav"}

    async with http.post("/v1/audio/speech", json=spoken, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert (await answer.read()).startswith(b"RIFF")

    spans = await asyncio.to_thread(traced.collector.trace, trace_id, "POST /v1/audio/speech")
    (span,) = [one for one in spans if one.name.startswith("speech ")]
    assert span.attributes["gen_ai.operation.name"] == "speech"
    assert span.name == f"speech {span.attributes['gen_ai.request.model']}"
    assert any(one.name.startswith("load ") for one in spans)


async def test_a_task_is_a_trace_that_tells_of_its_submission(
    traced: Traced, http: aiohttp.ClientSession
) -> None:
    trace_id, headers = new_trace()
    work = {"chat": {"messages": [{"role": "USER", "content": STORY}]}}
    work["chat"]["sampling"] = {"max_tokens": 8, "temperature": 0}  # type: ignore[assignment]  # it is JSON

    async with http.post("/funland/v1/tasks", json={"work": work}, headers=headers) as answer:
        assert answer.status == 200
        task_id = (await answer.json())["task_id"]

    def is_it(one: Told) -> bool:
        return one.attributes.get("funland.task_id") == task_id

    spans = await asyncio.to_thread(traced.collector.until, lambda spans: any(map(is_it, spans)))
    (run,) = filter(is_it, spans)
    assert (run.name, run.kind, run.failed) == ("task CHAT", "CONSUMER", False)
    assert run.span.parent_span_id == b""
    assert [link.trace_id.hex() for link in run.span.links] == [trace_id]
    ran = [one for one in spans if one.trace_id == run.trace_id]
    assert tree(ran)["task CHAT"] == GENERATION


async def test_a_gateway_elsewhere_is_part_of_the_trace(traced: Traced) -> None:
    tracing = ExportedTraces(traced.url, None)
    async with grpc.aio.insecure_channel(traced.stack.grpc_address) as channel:
        settings = GatewaySettings(port=0)
        gateway = Gateway(GrpcChannel(channel), settings, tracing=tracing)
        await gateway.start()
        try:
            trace_id, headers = new_trace()
            async with (
                aiohttp.ClientSession(gateway.url, headers=headers) as http,
                http.post("/v1/chat/completions", json=BODY) as answer,
            ):
                assert answer.status == 200
        finally:
            await gateway.stop(grace_seconds=10)
            await tracing.close(10)

    expected = below("POST /v1/chat/completions", "Chat")
    spans = await asyncio.to_thread(
        traced.collector.until,  # two processes send it
        lambda spans: sum(one.trace_id == trace_id for one in spans) == _count(expected),
    )
    spans = [one for one in spans if one.trace_id == trace_id]
    assert tree(spans) == expected


async def test_a_gateway_without_traces_passes_them_on(traced: Traced) -> None:
    async with grpc.aio.insecure_channel(traced.stack.grpc_address) as channel:
        gateway = Gateway(GrpcChannel(channel), GatewaySettings(port=0))
        await gateway.start()
        try:
            trace_id, headers = new_trace()
            async with (
                aiohttp.ClientSession(gateway.url, headers=headers) as http,
                http.get("/funland/v1/models/funland-tiny") as answer,
            ):
                assert answer.status == 200
        finally:
            await gateway.stop(grace_seconds=10)

    name = "funland.v1.ModelService/GetModel"
    (span,) = await asyncio.to_thread(traced.collector.trace, trace_id, name)
    assert span.span.parent_span_id.hex() == SPAN


async def test_nothing_that_was_said_is_in_a_trace(
    traced: Traced, channel: grpc.aio.Channel, tmp_path: Path
) -> None:
    trace_id, headers = new_trace()
    stub: Any = ModelServiceStub(channel)
    lost = models_pb2.ImportModelRequest(path=str(tmp_path / f"{MARK}.gguf"), model_id="lost")
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.ImportModel(
            lost, metadata=(*headers.items(), ("authorization", f"Bearer {KEY}"))
        )

    name = "funland.v1.ModelService/ImportModel"
    (span,) = await asyncio.to_thread(traced.collector.trace, trace_id, name)

    assert span.attributes["error.type"]
    raw = b"".join(traced.collector.raw)
    assert b"chat funland-tiny" in raw
    for secret in (MARK, KEY, "Tell me a story", str(traced.stack.home), str(tmp_path)):
        assert secret.encode() not in raw
