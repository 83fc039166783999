"""One model, one text: every surface gives what the embedded model really says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc.aio
import pytest

from funland.v1.inference_pb2 import (
    ChatRequest,
    GenerateRequest,
    Message,
    SamplingParameters,
)
from funland.v1.inference_pb2_grpc import InferenceServiceStub

if TYPE_CHECKING:
    from tests.conftest import Stack

MODEL = "funland-tiny"
QUESTION = "Tell me a story about a frog."
# As the chat template would write it, so that the model has much to say.
PROMPT = "<|im_start|>user\nTell me a story.<|im_end|>\n<|im_start|>assistant\n"
LIMITS = {"temperature": 0, "max_tokens": 48}
NATIVE_CHAT = {"messages": [{"role": "USER", "content": QUESTION}], "sampling": LIMITS}
OPENAI_CHAT = {"messages": [{"role": "user", "content": QUESTION}], **LIMITS}


@pytest.fixture
async def http(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(stack.http_url) as session:
        yield session


async def test_a_chat_gives_the_same_text_on_every_surface(
    stack: Stack, http: aiohttp.ClientSession
) -> None:
    native = await post(http, "/funland/v1/chat", NATIVE_CHAT)
    openai = await post(http, "/v1/chat/completions", OPENAI_CHAT)
    texts = {
        "gRPC": await say(stack, QUESTION),
        "REST": native["message"]["content"],
        "REST, events": "".join(
            delta(event) for event in await sse(http, "/funland/v1/chat:stream", NATIVE_CHAT)
        ),
        "REST, lines": "".join(
            delta(event) for event in await ndjson(http, "/funland/v1/chat:stream", NATIVE_CHAT)
        ),
        "OpenAI": openai["choices"][0]["message"]["content"],
        "OpenAI, events": "".join(
            event["choices"][0]["delta"].get("content") or ""
            for event in await sse(http, "/v1/chat/completions", {**OPENAI_CHAT, "stream": True})
        ),
    }

    assert set(texts.values()) == {texts["gRPC"]}, texts
    assert len(texts["gRPC"]) > 50


async def test_a_completion_gives_the_same_text_on_every_surface(
    stack: Stack, http: aiohttp.ClientSession
) -> None:
    native = await post(http, "/funland/v1/generate", {"prompt": PROMPT, "sampling": LIMITS})
    flat = {"prompt": PROMPT, **LIMITS}
    completions = await post(http, "/v1/completions", flat)
    inference = await post(http, "/api/v1/generate", flat)
    texts = {
        "gRPC": await complete(stack, PROMPT),
        "REST": native["text"],
        "OpenAI": completions["choices"][0]["text"],
        "OpenAI, events": "".join(
            event["choices"][0]["text"]
            for event in await sse(http, "/v1/completions", {**flat, "stream": True})
        ),
        "inference": inference["text"],
        "inference, events": "".join(
            event["token"] for event in await sse(http, "/api/v1/generate/stream", flat)
        ),
    }

    assert set(texts.values()) == {texts["gRPC"]}, texts
    assert len(texts["gRPC"]) > 50


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Hello!", ["Hello"]),
        ("你好", ["你好"]),
        ("Who are you?", ["Funland", "small", "model"]),
        ("你是谁", ["Funland", "模型"]),
        ("How do I get a real model?", ["GGUF", "funland models import"]),
        ("怎么得到真正的模型", ["GGUF", "funland models import"]),
        ("Tell me a story.", ["Once upon a time", ".", "happy"]),
        ("讲个故事。", ["从前", "。"]),
    ],
)
async def test_the_embedded_model_has_something_to_say(
    stack: Stack, question: str, words: list[str]
) -> None:
    text = await say(stack, question, max_tokens=200)

    assert [word for word in words if word not in text] == [], text


async def test_plain_curl_sees_the_text_come(stack: Stack) -> None:
    body = json.dumps({**OPENAI_CHAT, "stream": True})
    curl = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--show-error", "--no-buffer", "--max-time", "60"),
        *("--json", body, f"{stack.http_url}/v1/chat/completions"),
        stdout=asyncio.subprocess.PIPE,
    )

    output, _ = await curl.communicate()

    *events, done = [line for line in output.decode().splitlines() if line]
    deltas = [json.loads(event.removeprefix("data: "))["choices"][0]["delta"] for event in events]
    assert curl.returncode == 0
    assert done == "data: [DONE]"
    assert "".join(each.get("content") or "" for each in deltas) == await say(stack, QUESTION)
    assert len([each for each in deltas if each.get("content")]) > 10


async def say(stack: Stack, question: str, max_tokens: int = 48) -> str:
    async with grpc.aio.insecure_channel(stack.grpc_address) as channel:
        answer = await InferenceServiceStub(channel).Chat(
            ChatRequest(
                model=MODEL,
                messages=[Message(role=Message.USER, content=question)],
                sampling=SamplingParameters(temperature=0, max_tokens=max_tokens),
            ),
            timeout=60,
        )
    return answer.message.content


async def complete(stack: Stack, prompt: str) -> str:
    async with grpc.aio.insecure_channel(stack.grpc_address) as channel:
        answer = await InferenceServiceStub(channel).Generate(
            GenerateRequest(
                model=MODEL,
                prompt=prompt,
                sampling=SamplingParameters(temperature=0, max_tokens=48),
            ),
            timeout=60,
        )
    return answer.text


async def post(http: aiohttp.ClientSession, path: str, body: Any) -> Any:
    async with http.post(path, json=body) as response:
        assert response.status == 200
        return await response.json()


async def sse(http: aiohttp.ClientSession, path: str, body: Any) -> list[Any]:
    """The events of a stream that ended well; marks of an end that hold nothing are left out."""
    async with http.post(path, json=body) as response:
        lines = (await response.text()).splitlines()
    assert "event: error" not in lines
    events = [line.removeprefix("data: ") for line in lines if line.startswith("data: {")]
    return [json.loads(event) for event in events if event != "{}"]


async def ndjson(http: aiohttp.ClientSession, path: str, body: Any) -> list[Any]:
    headers = {"accept": "application/x-ndjson"}
    async with http.post(path, json=body, headers=headers) as response:
        *events, end = [json.loads(line) async for line in response.content]
    assert end == {"end": {}}
    return events


def delta(event: Any) -> str:
    return event.get("delta", {}).get("text", "")
