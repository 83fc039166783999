"""No socket is held for nothing, and none that works is cut off."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from funland.v1.inference_pb2 import ChatRequest, ChatResponse, Delta, GenerationEvent
from funland.v1.system_pb2 import Health
from funland_gateway.app import Gateway

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers, StartGateway

Raw = Callable[[Gateway, bytes], Awaitable[bytes]]

GET_HEALTH = b"GET /funland/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
GET_HEALTH_AND_CLOSE = GET_HEALTH[:-2] + b"Connection: close\r\n\r\n"
POST_CHAT = (
    b"POST /funland/v1/chat:stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}"
)


@pytest.fixture(autouse=True)
def healthy(answers: Answers) -> None:
    async def health(_: Any, __: Any) -> Health:
        return Health(state=Health.SERVING)

    answers["GetHealth"] = health


@pytest.mark.parametrize("sent", [b"", b"GET /funland", GET_HEALTH[:-2]])
async def test_a_connection_without_a_whole_head_is_closed(
    start_gateway: StartGateway, raw: Raw, sent: bytes
) -> None:
    gateway = await start_gateway(header_timeout_seconds=0.1, idle_timeout_seconds=100)

    assert await raw(gateway, sent) == b""


async def test_a_head_that_trickles_gets_no_more_time(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(header_timeout_seconds=0.3)

    async with asyncio.timeout(120):
        reader, writer = await asyncio.open_connection(*address(gateway))
        ended = asyncio.create_task(rest_of(reader))
        for byte in GET_HEALTH * 10:
            if ended.done():
                break
            writer.write(bytes([byte]))
            await asyncio.wait([ended], timeout=0.02)
        answer = await ended
        writer.close()

    assert answer == b""


async def test_a_connection_that_rests_is_closed_after_its_answer(
    start_gateway: StartGateway, raw: Raw
) -> None:
    gateway = await start_gateway(header_timeout_seconds=100, idle_timeout_seconds=0.1)

    answer = await raw(gateway, GET_HEALTH)

    assert answer.startswith(b"HTTP/1.1 200")


async def test_the_second_request_of_a_connection_has_a_deadline_too(
    start_gateway: StartGateway, raw: Raw
) -> None:
    gateway = await start_gateway(header_timeout_seconds=0.1, idle_timeout_seconds=100)

    async with asyncio.timeout(120):
        reader, writer = await asyncio.open_connection(*address(gateway))
        writer.write(GET_HEALTH)
        await reader.readuntil(b"}")
        writer.write(b"GET")
        rest = await reader.read()
        writer.close()

    assert rest == b""


async def test_a_call_that_takes_long_is_not_cut_off(
    start_gateway: StartGateway, answers: Answers
) -> None:
    gateway = await start_gateway(
        header_timeout_seconds=0.05, idle_timeout_seconds=0.05, body_timeout_seconds=0.05
    )

    async def chat(_: ChatRequest, __: Any) -> ChatResponse:
        await asyncio.sleep(0.3)  # what is tested: longer than every other deadline
        return ChatResponse(model="slow")

    answers["Chat"] = chat

    async with (
        aiohttp.ClientSession(gateway.url) as http,
        http.post("/funland/v1/chat", json={}) as response,
    ):
        assert (await response.json())["model"] == "slow"


async def test_one_connection_too_many_is_told_so(start_gateway: StartGateway, raw: Raw) -> None:
    gateway = await start_gateway(max_connections=2)
    held = [await asyncio.open_connection(*address(gateway)) for _ in range(2)]
    for reader, writer in held:
        writer.write(GET_HEALTH)
        await reader.readuntil(b"}")

    refused = await raw(gateway, b"")
    leaving_reader, leaving = held.pop()
    leaving.write(GET_HEALTH_AND_CLOSE)
    await leaving_reader.read()
    answer = await raw(gateway, GET_HEALTH_AND_CLOSE)
    for _, writer in (*held, (leaving_reader, leaving)):
        writer.close()

    assert refused.startswith(b"HTTP/1.1 503")
    assert b"TOO_MANY_CONNECTIONS" in refused
    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_reader_that_reads_nothing_is_cut_off_and_its_call_ends(
    start_gateway: StartGateway, answers: Answers
) -> None:
    gateway = await start_gateway(send_timeout_seconds=0.2)
    ended = asyncio.Event()

    async def chat(_: ChatRequest, __: Any) -> AsyncIterator[GenerationEvent]:
        try:
            while True:
                yield GenerationEvent(delta=Delta(text="x" * 60_000))
        finally:
            ended.set()

    answers["StreamChat"] = chat

    with socket.create_connection(address(gateway)) as connection:
        connection.sendall(POST_CHAT)
        async with asyncio.timeout(120):
            await ended.wait()
            # The neighbours never notice.
            async with (
                aiohttp.ClientSession(gateway.url) as http,
                http.get("/funland/v1/health") as response,
            ):
                assert response.status == 200


async def test_stopping_lets_a_running_call_end(
    start_gateway: StartGateway, answers: Answers
) -> None:
    gateway = await start_gateway()
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def chat(_: ChatRequest, __: Any) -> ChatResponse:
        begun.set()
        await go_on.wait()
        return ChatResponse(model="finished")

    answers["Chat"] = chat

    async with asyncio.timeout(120), aiohttp.ClientSession(gateway.url) as http:
        call = asyncio.create_task(http.post("/funland/v1/chat", json={}))
        await begun.wait()
        stop = asyncio.create_task(gateway.stop(grace_seconds=5))
        while not stop.done() and await accepts(gateway):
            pass
        go_on.set()
        response = await call
        await stop
        assert (await response.json())["model"] == "finished"


async def test_stopping_cancels_a_call_after_its_grace(
    start_gateway: StartGateway, answers: Answers
) -> None:
    gateway = await start_gateway()
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def chat(_: ChatRequest, __: Any) -> ChatResponse:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return ChatResponse()

    answers["Chat"] = chat

    async with asyncio.timeout(120), aiohttp.ClientSession(gateway.url) as http:
        call = asyncio.create_task(http.post("/funland/v1/chat", json={}))
        await begun.wait()
        await gateway.stop(grace_seconds=0.1)
        await cancelled.wait()
        with pytest.raises(aiohttp.ClientConnectionError):
            await call


async def accepts(gateway: Gateway) -> bool:
    try:
        _, writer = await asyncio.open_connection(*address(gateway))
    except ConnectionError:
        return False
    writer.close()
    return True


def address(gateway: Gateway) -> tuple[str, int]:
    host, port = gateway.url.removeprefix("http://").split(":")
    return host, int(port)


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the connection is closed: a byte sent after that makes it a reset one."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""
