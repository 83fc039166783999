"""The contract's JSON over real sockets, in front of a real gRPC server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc.aio
import orjson
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from funland.v1.inference_pb2 import ChatRequest, ChatResponse, Delta, Finish, GenerationEvent
from funland.v1.models_pb2 import GetModelRequest, LoadModelRequest, Model, UnloadModelRequest
from funland_gateway.app import Gateway
from funland_gateway.channel import GrpcChannel
from funland_gateway.config import GatewaySettings

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers

Context = Any  # grpc's stubs type a servicer's context for one message type at a time

CHAT = {"messages": [{"role": "USER", "content": "Hi"}]}

PIECE = '{"choice":0,"delta":{"text":"a"}}'
FINISH = '{"choice":0,"finish":{"reason":"STOP"}}'


async def fail(context: Context, *, reason: str, code: grpc.StatusCode, **retry: int) -> None:
    """Ends a call as Funland's server does."""
    details = [ErrorInfo(reason=reason, domain="funland", metadata={"model": "tiny"})]
    status = Status(code=code.value[0], message="It went wrong.")
    for detail in [*details, *([RetryInfo(retry_delay=Duration(**retry))] if retry else [])]:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    convert: Any = rpc_status  # its stubs lack the types
    await context.abort_with_status(convert.to_status(status))


async def echo(request: ChatRequest, _: Context) -> ChatResponse:
    return ChatResponse(message=request.messages[0])


async def two_pieces(_: ChatRequest, __: Context) -> AsyncIterator[GenerationEvent]:
    yield GenerationEvent(delta=Delta(text="a"))
    yield GenerationEvent(finish=Finish(reason=Finish.STOP))


async def test_a_unary_call_is_json_both_ways(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    answers["Chat"] = echo

    async with http.post("/funland/v1/chat", json=CHAT) as response:
        body = await response.json()

    assert response.status == 200
    assert response.content_type == "application/json"
    assert (body["message"]["role"], body["message"]["content"]) == ("USER", "Hi")
    assert body["finish_reason"] == "REASON_UNSPECIFIED"


async def test_the_path_names_the_model_and_a_body_is_not_needed(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def load(request: LoadModelRequest, _: Context) -> Model:
        return Model(model_id=request.model_id, size_bytes=2**60)

    answers["LoadModel"] = load

    async with http.post("/funland/v1/models/Qwen%2FQwen2.5:0.5b:load") as response:
        body = await response.json()

    assert body["model_id"] == "Qwen/Qwen2.5:0.5b"
    assert body["size_bytes"] == 2**60


async def test_a_body_may_claim_to_be_a_form(http: aiohttp.ClientSession, answers: Answers) -> None:
    async def unload(request: UnloadModelRequest, _: Context) -> Model:
        return Model(model_id=request.model_id, default=request.force)

    answers["UnloadModel"] = unload

    form = {"content-type": "application/x-www-form-urlencoded"}
    async with http.post(
        "/funland/v1/models/tiny:unload", data=b'{"force": true}', headers=form
    ) as response:
        assert (await response.json())["default"] is True


async def test_an_empty_answer_is_an_empty_object(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def delete(_: Any, __: Context) -> Empty:
        return Empty()

    answers["DeleteModel"] = delete

    async with http.delete("/funland/v1/models/tiny") as response:
        assert (response.status, await response.read()) == (200, b"{}")


async def test_a_raw_body_goes_out_as_it_is(http: aiohttp.ClientSession, answers: Answers) -> None:
    async def metrics(_: Any, __: Context) -> HttpBody:
        return HttpBody(content_type="text/plain; version=0.0.4", data=b"calls 1\n")

    answers["GetMetrics"] = metrics

    async with http.get("/funland/v1/metrics") as response:
        assert await response.read() == b"calls 1\n"
        assert response.headers["content-type"] == "text/plain; version=0.0.4"


@pytest.mark.parametrize("asked", ["my-id_1.2", None, "not fit", "x" * 65])
async def test_a_request_has_one_id_everywhere(
    http: aiohttp.ClientSession, answers: Answers, asked: str | None
) -> None:
    seen: list[str] = []

    async def get(_: GetModelRequest, context: Context) -> Model:
        seen.append(dict(context.invocation_metadata())["x-request-id"])
        await fail(context, reason="MODEL_NOT_FOUND", code=grpc.StatusCode.NOT_FOUND)
        return Model()

    answers["GetModel"] = get

    headers = {"x-request-id": asked} if asked else {}
    async with http.get("/funland/v1/models/tiny", headers=headers) as response:
        error = (await response.json())["error"]

    (request_id,) = seen
    assert response.headers["x-request-id"] == error["request_id"] == request_id
    assert (request_id == asked) == (asked == "my-id_1.2")


async def test_a_failure_is_an_error_under_its_status(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def chat(_: ChatRequest, context: Context) -> None:
        await fail(context, reason="WORKER_LOST", code=grpc.StatusCode.UNAVAILABLE, nanos=1_500_000)

    answers["Chat"] = chat

    async with http.post("/funland/v1/chat", json=CHAT) as response:
        error = (await response.json())["error"]

    assert (response.status, response.headers["retry-after"]) == (503, "1")
    del error["request_id"]
    assert error == {
        "code": "UNAVAILABLE",
        "reason": "WORKER_LOST",
        "message": "It went wrong.",
        "metadata": {"model": "tiny"},
        "field_violations": [],
        "retry_delay": "0.001500s",
    }


async def test_a_wrong_field_never_reaches_the_server(http: aiohttp.ClientSession) -> None:
    async with http.post("/funland/v1/chat", json={"messages": "Hi"}) as response:
        error = (await response.json())["error"]

    assert response.status == 400
    assert (error["code"], error["reason"]) == ("INVALID_ARGUMENT", "FIELD_INVALID")
    assert error["field_violations"] == [
        {"field": "messages", "description": "must be a list, not a string"}
    ]


async def test_the_deadline_goes_with_the_call(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    left: list[float] = []

    async def chat(_: ChatRequest, context: Context) -> ChatResponse:
        left.append(context.time_remaining())
        await asyncio.Event().wait()
        return ChatResponse()

    answers["Chat"] = chat
    begun = time.monotonic()

    async with http.post(
        "/funland/v1/chat", json=CHAT, headers={"x-request-timeout": "0.3"}
    ) as response:
        error = (await response.json())["error"]

    assert (response.status, error["reason"]) == (504, "DEADLINE_PASSED")
    # gRPC rounds deadlines by some milliseconds.
    assert 0.1 < left[0] < 0.35
    assert time.monotonic() - begun > 0.25


@pytest.mark.parametrize("text", ["", "soon", "0", "-1", "nan", "inf", "1e99"])
async def test_a_deadline_that_is_none_is_refused(http: aiohttp.ClientSession, text: str) -> None:
    async with http.get("/funland/v1/health", headers={"x-request-timeout": text}) as response:
        error = (await response.json())["error"]

    assert response.status == 400
    assert error["field_violations"][0]["field"] == "x-request-timeout"


async def test_a_stream_is_server_sent_events_with_an_end(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    answers["StreamChat"] = two_pieces

    async with http.post("/funland/v1/chat:stream", json=CHAT) as response:
        text = await response.text()

    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert text == f"data: {PIECE}\n\ndata: {FINISH}\n\nevent: end\ndata: {{}}\n\n"


async def test_a_stream_is_lines_if_they_are_asked_for(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    answers["StreamChat"] = two_pieces

    headers = {"accept": "application/x-ndjson"}
    async with http.post("/funland/v1/chat:stream", json=CHAT, headers=headers) as response:
        text = await response.text()

    assert response.content_type == "application/x-ndjson"
    assert text == f'{PIECE}\n{FINISH}\n{{"end":{{}}}}\n'


async def test_each_event_is_sent_when_it_is_there(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    more = asyncio.Event()

    async def chat(_: ChatRequest, __: Context) -> AsyncIterator[GenerationEvent]:
        yield GenerationEvent(delta=Delta(text="a"))
        await more.wait()

    answers["StreamChat"] = chat

    async with asyncio.timeout(120), http.post("/funland/v1/chat:stream", json=CHAT) as response:
        first = await response.content.readuntil(b"\n\n")
        more.set()
        rest = await response.content.read()

    assert first.decode() == f"data: {PIECE}\n\n"
    assert rest == b"event: end\ndata: {}\n\n"


@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson"])
async def test_a_late_failure_is_the_last_event(
    http: aiohttp.ClientSession, answers: Answers, accept: str
) -> None:
    async def chat(_: ChatRequest, context: Context) -> AsyncIterator[GenerationEvent]:
        yield GenerationEvent(delta=Delta(text="a"))
        await fail(context, reason="WORKER_LOST", code=grpc.StatusCode.UNAVAILABLE)

    answers["StreamChat"] = chat

    async with http.post(
        "/funland/v1/chat:stream", json=CHAT, headers={"accept": accept}
    ) as response:
        lines = (await response.text()).strip().splitlines()

    assert response.status == 200
    if accept == "text/event-stream":
        assert lines[-2] == "event: error"
    error = orjson.loads(lines[-1].removeprefix("data: "))["error"]
    assert (error["code"], error["reason"]) == ("UNAVAILABLE", "WORKER_LOST")
    assert error["request_id"] == response.headers["x-request-id"]


async def test_an_early_failure_of_a_stream_is_a_status(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def chat(_: ChatRequest, context: Context) -> AsyncIterator[GenerationEvent]:
        await fail(context, reason="MODEL_NOT_FOUND", code=grpc.StatusCode.NOT_FOUND)
        yield GenerationEvent()

    answers["StreamChat"] = chat

    async with http.post("/funland/v1/chat:stream", json=CHAT) as response:
        error = (await response.json())["error"]

    assert (response.status, error["reason"]) == (404, "MODEL_NOT_FOUND")


@pytest.mark.parametrize("path", ["/funland/v1/chat", "/funland/v1/chat:stream"])
async def test_a_client_that_goes_away_cancels_its_call(
    http: aiohttp.ClientSession, answers: Answers, path: str
) -> None:
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def chat(_: ChatRequest, __: Context) -> ChatResponse:
        await wait()
        return ChatResponse()

    async def stream(_: ChatRequest, __: Context) -> AsyncIterator[GenerationEvent]:
        yield GenerationEvent(delta=Delta(text="a"))
        await wait()

    answers["Chat"], answers["StreamChat"] = chat, stream

    async def read() -> None:
        async with http.post(path, json=CHAT) as response:
            await response.read()

    reading = asyncio.create_task(read())
    async with asyncio.timeout(120):
        await begun.wait()
        reading.cancel()
        await cancelled.wait()


async def test_a_server_that_is_not_there_is_said_to_be_unreachable() -> None:
    async with grpc.aio.insecure_channel("127.0.0.1:1") as channel:
        gateway = Gateway(GrpcChannel(channel), GatewaySettings(port=0))
        await gateway.start()
        async with (
            aiohttp.ClientSession(gateway.url) as http,
            http.get("/funland/v1/health") as response,
        ):
            error = (await response.json())["error"]
        await gateway.stop(0.01)

    assert (response.status, error["reason"]) == (503, "SERVER_UNREACHABLE")
    assert "127.0.0.1:1" not in error["message"]


async def test_a_base_url_without_its_version_is_found_out(http: aiohttp.ClientSession) -> None:
    async with http.post("/chat/completions", json={}) as response:
        error = (await response.json())["error"]

    assert response.status == 404
    assert "at /v1/chat/completions" in error["message"]


async def test_what_is_not_there_is_said_in_the_same_shape(http: aiohttp.ClientSession) -> None:
    async with http.get("/funland/v1/nothing") as nothing:
        nothing_error = (await nothing.json())["error"]
    async with http.put("/funland/v1/models/tiny") as put:
        put_error = (await put.json())["error"]

    assert (nothing.status, nothing_error["reason"]) == (404, "ROUTE_NOT_FOUND")
    assert (put.status, put_error["reason"]) == (405, "METHOD_NOT_ALLOWED")
    assert put.headers["allow"] == put_error["metadata"]["allowed"] == "DELETE, GET, HEAD, OPTIONS"
