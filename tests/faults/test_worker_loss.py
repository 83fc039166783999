"""A worker that dies takes its calls with it at once, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from time import monotonic
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc.aio
import pytest

from funland.v1.inference_pb2 import GenerateRequest, GenerationEvent
from funland.v1.system_pb2 import GetMetricsRequest
from tests.faults.gguf_files import whole
from tests.faults.service import MODEL, Service, as_fault, endless, eventually

if TYPE_CHECKING:
    from tests.faults.conftest import Install

OF_EACH = 4
SOON = 30
"""Seconds. It takes milliseconds; what waits for a sign of life takes minutes."""
STORY = "Tell me a story."
SAID = {"content": STORY}


async def test_a_killed_worker_fails_its_streams_at_once_and_comes_back(
    service: Service,
) -> None:
    worker = await service.fresh_worker(MODEL)
    restarts = await worker_restarts(service)
    running = asyncio.Barrier(4 * OF_EACH + 1)
    readers = [
        asyncio.create_task(reader)
        for _ in range(OF_EACH)
        for reader in (
            read_grpc(service.inference.StreamChat(endless()), running),
            read_grpc(service.inference.StreamGenerate(endless_prompt()), running),
            read_sse(service.http, "/funland/v1/chat:stream", native_body(), running),
            read_sse(service.http, "/v1/chat/completions", openai_body(), running),
        )
    ]
    await running.wait()

    worker.kill()
    killed = monotonic()
    endings = await asyncio.gather(*readers)

    assert monotonic() - killed < SOON
    assert endings == ["UNAVAILABLE WORKER_LOST"] * len(readers)
    assert await service.say()
    assert await worker_restarts(service) == restarts + 1


async def test_who_hears_of_a_session_is_told_that_its_worker_was_killed(service: Service) -> None:
    worker = await service.fresh_worker(MODEL)
    # Eight, so that none has come to the end of its context when the last has begun.
    sessions = [await begun(service.http) for _ in range(8)]
    running = asyncio.Barrier(len(sessions) + 1)
    native, older = (
        sessions[:4],
        [path.replace("/funland/v1", "/api/v1/chat") for path in sessions[4:]],
    )
    told = {"message": STORY, "stream": True}
    readers = [
        *(read_sse(service.http, f"{path}/messages:stream", SAID, running) for path in native[:2]),
        *(read_sse(service.http, f"{path}/messages", told, running) for path in older[:2]),
        *(
            read_socket(service.http, f"{path}:converse", {"send": SAID}, running)
            for path in native[2:]
        ),
        *(
            read_socket(service.http, f"{path}/stream", {"type": "message", **told}, running)
            for path in older[2:]
        ),
    ]
    reading = [asyncio.create_task(reader) for reader in readers]
    await running.wait()

    worker.kill()
    killed = monotonic()
    endings = await asyncio.gather(*reading)

    assert monotonic() - killed < SOON
    assert endings == ["UNAVAILABLE WORKER_LOST"] * len(readers)


async def test_the_streams_of_other_models_go_on(service: Service, install: Install) -> None:
    await install("bystander", whole())
    worker = await service.fresh_worker(MODEL)
    bystander = service.inference.StreamChat(endless("bystander"))
    # Eight, so that none has come to the end of its context when the first text is here.
    victims = [service.inference.StreamChat(endless()) for _ in range(8)]
    await first_text(bystander)
    await first_text(victims[0])

    worker.kill()

    for victim in victims:
        with pytest.raises(grpc.aio.AioRpcError):
            _ = [event async for event in victim]
    events = [event async for event in bystander]
    assert events[-1].WhichOneof("event") == "finish"
    assert events[-1].finish.usage.completion_tokens > 500


async def test_a_lost_worker_comes_back_before_anybody_calls(service: Service) -> None:
    worker = await service.fresh_worker(MODEL)

    worker.kill()

    async def another_runs() -> bool:
        return any(each.pid != worker.pid for each in service.stack.workers())

    await eventually(another_runs, seconds=15)


async def read_grpc(
    stream: grpc.aio.UnaryStreamCall[Any, GenerationEvent], running: asyncio.Barrier
) -> str:
    """Reads to the end; says how it ended."""
    await first_text(stream)
    await running.wait()
    try:
        async for _ in stream:
            pass
    except grpc.aio.AioRpcError as error:
        fault = as_fault(error)
        return f"{fault.code} {fault.reason}"
    return "finished"


async def first_text(stream: grpc.aio.UnaryStreamCall[Any, GenerationEvent]) -> None:
    async for event in stream:
        if event.HasField("delta"):
            return
    pytest.fail("The stream had no text.")


async def read_sse(
    http: aiohttp.ClientSession, path: str, body: Any, running: asyncio.Barrier
) -> str:
    async with http.post(path, json=body) as response:
        events = sse(response)
        async for event in events:
            if "delta" in json.dumps(event):
                break
        await running.wait()
        last: Any = None
        async for event in events:
            last = event
    return _ending(last)


async def read_socket(
    http: aiohttp.ClientSession, path: str, words: Any, running: asyncio.Barrier
) -> str:
    async with http.ws_connect(path) as socket:
        await socket.send_json(words)
        while "delta" not in await socket.receive_str():
            pass
        await running.wait()
        async for message in socket:
            event = json.loads(message.data)
            if error := event.get("error") or event.get("message", {}).get("error"):
                return _ending({"error": error})
    return "closed without a word"


def _ending(last: Any) -> str:
    match last:
        case {"error": {"code": str(code), "reason": str(reason)}}:
            return f"{code} {reason}"
        case {"error": {"type": "server_error", "code": "worker_lost"}} | {
            "error": {"type": "service_unavailable", "reason": "WORKER_LOST"}
        }:
            return "UNAVAILABLE WORKER_LOST"
        case _:
            return f"ended with {last}"


async def sse(response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    async for line in response.content:
        if line.startswith(b"data: {"):
            yield json.loads(line.removeprefix(b"data: "))


async def begun(http: aiohttp.ClientSession) -> str:
    """The path of a new session."""
    body = {"sampling": {"max_tokens": 100_000, "ignore_end": True}}
    async with http.post("/funland/v1/sessions", json=body) as made:
        return f"/funland/v1/sessions/{(await made.json())['session_id']}"


async def worker_restarts(service: Service) -> int:
    body = await service.system.GetMetrics(GetMetricsRequest())
    name = f'funland_worker_restarts_total{{model="{MODEL}"}} '
    values = [line for line in body.data.decode().splitlines() if line.startswith(name)]
    return int(float(values[0].removeprefix(name))) if values else 0


def endless_prompt() -> GenerateRequest:
    request = endless()
    return GenerateRequest(model=MODEL, prompt="Once upon a time", sampling=request.sampling)


def native_body() -> dict[str, Any]:
    return {
        "messages": [{"role": "USER", "content": "Tell me a story."}],
        "sampling": {"max_tokens": 100_000, "ignore_end": True},
    }


def openai_body() -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": "Tell me a story."}],
        "stream": True,
        "max_tokens": 100_000,
        "ignore_eos": True,
    }
