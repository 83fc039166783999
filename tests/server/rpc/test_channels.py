"""A call fails the same way from inside the process and over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland.v1 import inference_pb2, models_pb2, system_pb2
from funland_server.app import Server
from tests.server.conftest import METHODS, details, streamed

USER = inference_pb2.Message.USER
HELLO = [inference_pb2.Message(role=USER, content="Hello")]
ID = (("x-request-id", "call-1"),)


@pytest.fixture
async def wire(server: Server) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield channel


async def over_grpc(wire: grpc.aio.Channel, name: str, request: Message) -> Any:
    method = METHODS[name]
    path = f"/{method.containing_service.full_name}/{name}"
    answer = GetMessageClass(method.output_type).FromString
    channel: Any = wire
    if not method.server_streaming:
        call = channel.unary_unary(path, type(request).SerializeToString, answer)
        return await call(request, metadata=ID, timeout=120)
    call = channel.unary_stream(path, type(request).SerializeToString, answer)
    return [message async for message in call(request, metadata=ID, timeout=120)]


async def inside(server: Server, name: str, request: Message) -> Any:
    method = METHODS[name]
    if not method.server_streaming:
        return await server.channel.unary(method, request, ID, 30)
    return [message async for message in streamed(server, name, request, ID, 30)]


BAD_MESSAGES = [inference_pb2.Message(role=inference_pb2.Message.ROLE_UNSPECIFIED)] * 4096


@pytest.mark.parametrize(
    ("name", "request_", "failure"),
    [
        (
            "GetModel",
            models_pb2.GetModelRequest(model_id="nobody 🙂"),
            ("NOT_FOUND", "MODEL_NOT_FOUND"),
        ),
        ("GetModel", models_pb2.GetModelRequest(), ("INVALID_ARGUMENT", "FIELD_INVALID")),
        (
            "GetModel",
            models_pb2.GetModelRequest(model_id="🙂" * 256),
            ("NOT_FOUND", "MODEL_NOT_FOUND"),
        ),
        (
            "ImportModel",
            models_pb2.ImportModelRequest(path="model.gguf"),
            ("INVALID_ARGUMENT", "FIELD_INVALID"),
        ),
        (
            "ImportModel",
            models_pb2.ImportModelRequest(path="/nowhere/model.gguf"),
            ("FAILED_PRECONDITION", "MODEL_FILE_INVALID"),
        ),
        (
            "DeleteModel",
            models_pb2.DeleteModelRequest(model_id="funland-tiny"),
            ("FAILED_PRECONDITION", "MODEL_BUILT_IN"),
        ),
        (
            "Chat",
            inference_pb2.ChatRequest(messages=BAD_MESSAGES),
            ("INVALID_ARGUMENT", "FIELD_INVALID"),
        ),
        (
            "StreamChat",
            inference_pb2.ChatRequest(model="nobody", messages=HELLO),
            ("NOT_FOUND", "MODEL_NOT_FOUND"),
        ),
    ],
)
async def test_a_failure_is_the_same_either_way(
    server: Server,
    wire: grpc.aio.Channel,
    name: str,
    request_: Message,
    failure: tuple[str, str],
) -> None:
    code, reason = failure
    errors: list[grpc.aio.AioRpcError] = []
    for answer in (over_grpc(wire, name, request_), inside(server, name, request_)):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await answer
        errors.append(raised.value)

    there, here = errors
    assert there.code() == here.code() == grpc.StatusCode[code]
    assert there.details() == here.details()
    assert details(there) == details(here)
    assert details(there)["ErrorInfo"].reason == reason
    assert details(there)["RequestInfo"].request_id == "call-1"
    for error in errors:
        assert dict(error.trailing_metadata() or ())["x-request-id"] == "call-1"


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x12\x02\xff\xfe", b"\x12\x05a"])
@pytest.mark.parametrize("name", ["Generate", "StreamGenerate"])
async def test_bytes_that_are_no_message_are_an_error_of_the_callers(
    wire: grpc.aio.Channel, caplog: pytest.LogCaptureFixture, name: str, body: bytes
) -> None:
    channel: Any = wire
    start = channel.unary_unary if name == "Generate" else channel.unary_stream
    call = start(f"/funland.v1.InferenceService/{name}")(body, metadata=ID, timeout=120)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await (call if name == "Generate" else anext(aiter(call)))

    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    told = "The body is no funland.v1.GenerateRequest: it can't be decoded."
    assert raised.value.details() == told
    assert details(raised.value)["ErrorInfo"].reason == "BODY_MALFORMED"
    assert details(raised.value)["RequestInfo"].request_id == "call-1"
    assert not [record for record in caplog.records if record.exc_info]


async def test_what_a_worker_refuses_is_the_same_either_way(
    server: Server, wire: grpc.aio.Channel
) -> None:
    reasons: list[str] = []
    for name, request in (
        ("Generate", inference_pb2.GenerateRequest(prompt="Hello " * 2000)),
        ("StreamGenerate", inference_pb2.GenerateRequest(prompt="Hello " * 2000)),
        ("Detokenize", inference_pb2.DetokenizeRequest(tokens=[2**31 - 1])),
        ("Embed", inference_pb2.EmbedRequest(inputs=["Hello " * 2000])),
    ):
        errors: list[grpc.aio.AioRpcError] = []
        for answer in (over_grpc(wire, name, request), inside(server, name, request)):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await answer
            errors.append(raised.value)
        assert details(errors[0]) == details(errors[1])
        assert errors[0].code() == grpc.StatusCode.INVALID_ARGUMENT
        info = details(errors[0])["ErrorInfo"]
        assert info.metadata["model"] == "funland-tiny"
        reasons.append(info.reason)

    assert reasons == ["PROMPT_TOO_LONG", "PROMPT_TOO_LONG", "TOKEN_UNKNOWN", "PROMPT_TOO_LONG"]


async def test_answers_are_the_same_either_way(server: Server, wire: grpc.aio.Channel) -> None:
    request = inference_pb2.ChatRequest(
        messages=HELLO, sampling=inference_pb2.SamplingParameters(temperature=0)
    )

    def text(events: list[inference_pb2.GenerationEvent]) -> str:
        assert events[0].HasField("start")
        assert events[-1].HasField("finish")
        return "".join(event.delta.text for event in events)

    texts = {
        (await over_grpc(wire, "Chat", request)).message.content,
        (await inside(server, "Chat", request)).message.content,
        text(await over_grpc(wire, "StreamChat", request)),
        text(await inside(server, "StreamChat", request)),
    }

    assert len(texts) == 1
    assert texts.pop()


async def test_a_batch_holds_answers_and_errors_side_by_side(server: Server) -> None:
    good = inference_pb2.GenerateRequest(
        prompt="Hello", sampling=inference_pb2.SamplingParameters(max_tokens=2)
    )
    bad = inference_pb2.GenerateRequest(model="nobody", prompt="Hello")
    batch = inference_pb2.BatchGenerateRequest(requests=[good, bad, good])

    answer = await inside(server, "BatchGenerate", batch)

    kinds = [result.WhichOneof("result") for result in answer.results]
    assert kinds == ["response", "error", "response"]


async def test_a_stopped_server_leaves_no_call_behind(server: Server) -> None:
    watch = streamed(server, "WatchModels", models_pb2.WatchModelsRequest(), ID)
    await anext(watch)

    await server.stop(0)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async for _ in watch:
            pass
    assert details(raised.value)["ErrorInfo"].reason == "SERVER_STOPPING"
    health = await inside(server, "GetHealth", system_pb2.GetHealthRequest())
    assert health.state == system_pb2.Health.STOPPING
