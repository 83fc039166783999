"""Streams tell how far the load is that they wait for, over every wire."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc.aio
import pytest
from google.protobuf import json_format
from openai import AsyncOpenAI

from funland.v1.inference_pb2 import (
    ChatRequest,
    GenerationEvent,
    GenerationOptions,
    Loading,
    Message,
    SamplingParameters,
)
from funland.v1.inference_pb2_grpc import InferenceServiceStub

if TYPE_CHECKING:
    from tests.conftest import Stack, StartStack

MODEL = "funland-tiny"
CHAT = ChatRequest(
    messages=[Message(role=Message.USER, content="Tell me a story.")],
    sampling=SamplingParameters(temperature=0, max_tokens=3),
    options=GenerationOptions(progress=True),
)


async def unload(url: str) -> None:
    async with (
        aiohttp.ClientSession(url) as http,
        http.post(f"/funland/v1/models/{MODEL}:unload", json={"force": True}) as answer,
    ):
        assert answer.status == 200


async def over_grpc(stack: Stack) -> list[GenerationEvent]:
    async with grpc.aio.insecure_channel(stack.grpc_address) as channel:
        stub: Any = InferenceServiceStub(channel)
        return [event async for event in stub.StreamChat(CHAT, timeout=60)]


async def over_rest(stack: Stack, accept: str, begin: bytes) -> list[GenerationEvent]:
    given = json_format.MessageToDict(CHAT, preserving_proto_field_name=True)
    async with (
        aiohttp.ClientSession(stack.http_url) as http,
        http.post("/funland/v1/chat:stream", json=given, headers={"accept": accept}) as answer,
    ):
        lines = [line async for line in answer.content if line.startswith(begin + b"{")]
    *events, _ = [json.loads(line.removeprefix(begin)) for line in lines]  # the last is the end
    return [json_format.ParseDict(event, GenerationEvent()) for event in events]


async def over_sse(stack: Stack) -> list[GenerationEvent]:
    return await over_rest(stack, "text/event-stream", b"data: ")


async def over_ndjson(stack: Stack) -> list[GenerationEvent]:
    return await over_rest(stack, "application/x-ndjson", b"")


@pytest.mark.parametrize(
    "stream", [over_grpc, over_sse, over_ndjson], ids=["gRPC", "SSE", "NDJSON"]
)
async def test_a_stream_tells_the_load_and_then_the_prompt_before_its_text(
    stack: Stack, stream: Callable[[Stack], Any]
) -> None:
    await unload(stack.http_url)

    events: list[GenerationEvent] = await stream(stack)
    again: list[GenerationEvent] = await stream(stack)

    kinds = [event.WhichOneof("event") for event in events]
    count = kinds.count("loading")
    assert kinds[: count + 1] == ["loading"] * count + ["start"]
    assert kinds.index("prefill") < kinds.index("delta")
    told = [event.loading for event in events[:count]]
    stages = [loading.stage for loading in told]
    assert stages == sorted(stages)
    assert Loading.STARTING in stages
    assert {loading.model for loading in told} == {MODEL}
    assert all(loading.total_bytes > 1_000_000 for loading in told)
    assert [loading.elapsed_ms for loading in told] == sorted(
        loading.elapsed_ms for loading in told
    )
    for loading in told:
        assert loading.HasField("done_bytes") == loading.HasField("fraction")
        assert 0 <= loading.done_bytes <= loading.total_bytes
    assert "loading" not in [event.WhichOneof("event") for event in again]


async def chat(client: AsyncOpenAI) -> str:
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Hello!"}],
        max_tokens=3,
        temperature=0,
        stream=True,
    )
    return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])


async def completion(client: AsyncOpenAI) -> str:
    stream = await client.completions.create(
        model=MODEL, prompt="Once upon", max_tokens=3, temperature=0, stream=True
    )
    return "".join([chunk.choices[0].text async for chunk in stream])


async def response(client: AsyncOpenAI) -> str:
    stream = await client.responses.create(
        model=MODEL, input="Hello!", max_output_tokens=16, temperature=0, stream=True
    )
    return "".join(
        [event.delta async for event in stream if event.type == "response.output_text.delta"]
    )


BODIES = {
    "chat/completions": {"messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 3},
    "completions": {"prompt": "Once upon", "max_tokens": 3},
    "responses": {"input": "Hello!", "max_output_tokens": 16},
}


async def test_openais_clients_read_on_past_comments_that_tell_of_the_load(
    start_stack: StartStack,
) -> None:
    # Each beat tells the latest, so none waits for the second before comments begin an answer.
    stack = start_stack(FUNLAND_GATEWAY__HEARTBEAT_SECONDS="0.02")
    base = f"{stack.http_url}/v1"
    async with aiohttp.ClientSession(f"{base}/") as http:
        for path, body in BODIES.items():
            await unload(stack.http_url)
            async with http.post(path, json={"stream": True, **body}) as answer:
                begin, _, _ = (await answer.read()).partition(b"data: ")
            assert b": loading funland-tiny (7.2 MB)\n\n" in begin

    async with AsyncOpenAI(base_url=base, api_key="any", max_retries=0) as client:
        for read in (chat, completion, response):
            await unload(stack.http_url)
            text = await read(client)
            assert text == await read(client) != ""
