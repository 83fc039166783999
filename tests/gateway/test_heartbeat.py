"""A stream that has nothing to say yet sends comments, so that no proxy cuts it off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc
import orjson
import pytest

from funland.v1.inference_pb2 import (
    Delta,
    Finish,
    GenerationEvent,
    Loading,
    Prefill,
    Queued,
    Start,
)

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers, StartGateway

CHAT = {"messages": [{"role": "user", "content": "Hi"}], "stream": True}
NATIVE = {"messages": [{"role": "USER", "content": "Hi"}]}
BEAT = 0.02
LOADING = Loading(
    model="tiny",
    stage=Loading.READING,
    fraction=0.42,
    done_bytes=1_218_000_000,
    total_bytes=2_900_000_000,
)


class Slow:
    """A `StreamChat` that waits in the queue until it is let go, and then ends as it is told."""

    def __init__(self, *, queued: int = 0, code: grpc.StatusCode | None = None) -> None:
        self._queued = queued
        self._code = code
        self.go = asyncio.Event()

    async def chat(self, _: Any, context: Any) -> AsyncIterator[GenerationEvent]:
        if self._queued:
            yield GenerationEvent(start=Start(id="7"))
            yield GenerationEvent(queued=Queued(position=self._queued))
        await self.go.wait()
        if self._code is not None:
            await context.abort(self._code, "No.")
        yield GenerationEvent(delta=Delta(text="Hi"))
        yield GenerationEvent(finish=Finish(reason=Finish.STOP))


async def comments(response: aiohttp.ClientResponse, count: int) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < count:
        line = await response.content.readline()
        assert line, "The stream ended."
        if line.startswith(b":"):
            found.append(line)
    return found


class Reading:
    """A `StreamChat` that loads a model and computes a prompt, each until it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Semaphore(0)

    async def chat(self, request: Any, _: Any) -> AsyncIterator[GenerationEvent]:
        assert request.options.progress
        yield GenerationEvent(loading=LOADING)
        await self.go.acquire()
        yield GenerationEvent(start=Start(id="7"))
        yield GenerationEvent(prefill=Prefill(done=4, total=9, cached=1))
        await self.go.acquire()
        yield GenerationEvent(prefill=Prefill(done=9, total=9, cached=1))
        yield GenerationEvent(delta=Delta(text="Hi"))
        yield GenerationEvent(finish=Finish(reason=Finish.STOP))


@pytest.fixture
async def http(start_gateway: StartGateway) -> AsyncIterator[aiohttp.ClientSession]:
    gateway = await start_gateway(heartbeat_seconds=BEAT)
    timeout = aiohttp.ClientTimeout(total=10)
    async with aiohttp.ClientSession(gateway.url, timeout=timeout) as session:
        yield session


async def test_a_call_that_waits_says_so_before_its_answer_begins(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    slow = Slow()
    answers["StreamChat"] = slow.chat

    async with http.post("/v1/chat/completions", json=CHAT) as response:
        told = await comments(response, 2)
        slow.go.set()
        rest = await response.read()

    assert response.status == 200
    assert told == [b": waiting\n"] * 2
    assert rest.endswith(b"data: [DONE]\n\n")


async def test_a_call_tells_how_far_load_and_prompt_are_between_what_clients_read(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    reading = Reading()
    answers["StreamChat"] = reading.chat

    async with http.post("/v1/chat/completions", json=CHAT) as response:
        while (told := await comments(response, 1)) == [b": waiting\n"]:
            pass  # the load's word may come later than a beat
        reading.go.release()
        while (prompt := await comments(response, 1)) == told:
            pass
        reading.go.release()
        rest = await response.read()

    assert told == [b": loading tiny 42% (1.2 of 2.9 GB)\n"]
    assert prompt == [b": prefill 4/9 (cached 1)\n"]
    chunks = [line for line in rest.splitlines() if line.startswith(b"data: ")]
    assert len(chunks) == 3
    assert chunks[-1] == b"data: [DONE]"


async def test_a_call_in_the_queue_tells_its_place(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    slow = Slow(queued=3)
    answers["StreamChat"] = slow.chat

    async with http.post("/v1/chat/completions", json=CHAT) as response:
        told = await comments(response, 1)
        while told[-1] == b": waiting\n":  # the queue's word may come later than a beat
            told = await comments(response, 1)
        assert told[-1] == b": queued 3\n"
        slow.go.set()
        await response.read()


async def test_what_fails_after_a_comment_is_told_in_the_stream(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    slow = Slow(code=grpc.StatusCode.UNAVAILABLE)
    answers["StreamChat"] = slow.chat

    async with http.post("/v1/chat/completions", json=CHAT) as response:
        await comments(response, 1)
        slow.go.set()
        lines = (await response.read()).splitlines()

    data = [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]
    assert [orjson.loads(each)["error"]["type"] for each in data] == ["server_error"]


async def test_what_fails_before_any_comment_is_an_http_error(
    start_gateway: StartGateway, answers: Answers
) -> None:
    slow = Slow(code=grpc.StatusCode.UNAVAILABLE)
    slow.go.set()
    answers["StreamChat"] = slow.chat
    gateway = await start_gateway()

    async with (
        aiohttp.ClientSession(gateway.url) as http,
        http.post("/v1/chat/completions", json=CHAT) as response,
    ):
        assert response.status == 503


async def test_native_events_have_comments_and_lines_of_json_none(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    slow = Slow()
    answers["StreamChat"] = slow.chat

    lines = {"accept": "application/x-ndjson"}
    reading = asyncio.create_task(http.post("/funland/v1/chat:stream", json=NATIVE, headers=lines))
    async with http.post("/funland/v1/chat:stream", json=NATIVE) as response:
        assert await comments(response, 2) == [b": waiting\n"] * 2
        slow.go.set()
        assert (await response.read()).endswith(b"event: end\ndata: {}\n\n")
    async with await reading as response:
        body = await response.read()

    assert all(orjson.loads(line) for line in body.splitlines())
