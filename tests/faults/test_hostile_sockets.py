"""WebSockets of those who mean no good: each is ended alone, and its neighbour talks on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.conversations import (
    HANDSHAKE,
    Service,
    SocketLine,
    end_of,
    reason,
    serving,
    tcp,
    websocket,
    words,
)

LARGEST = 100_000
wires = pytest.mark.parametrize("wire", ["inside", "apart"])


@asynccontextmanager
async def beside(wire: str) -> AsyncGenerator[tuple[Service, SocketLine]]:
    """A service, and one who talks with it before and after what happens in the block."""
    async with (
        serving(max_body_bytes=LARGEST, header_timeout_seconds=0.2) as service,
        websocket(service.gateways[wire]) as line,
    ):
        await line.say(words("before"))
        assert (await line.hear()).delta.text == "before"
        yield service, line
        await line.say(words("after"))
        assert (await line.hear()).delta.text == "after"


def said(size: int) -> str:
    """A message of so many bytes."""
    empty = '{"send":{"content":""}}'
    return empty.replace('""', f'"{"x" * (size - len(empty))}"')


@wires
async def test_a_message_as_large_as_a_body_is_heard(wire: str) -> None:
    async with beside(wire) as (_, line):
        await line.say_raw(said(LARGEST))

        assert len((await line.hear()).delta.text) == LARGEST - len(said(23))


@wires
@pytest.mark.parametrize("compress", [0, 15])
async def test_a_larger_message_is_refused_with_1009(wire: str, compress: int) -> None:
    async with (
        beside(wire) as (service, _),
        websocket(service.gateways[wire], compress=compress) as line,
    ):
        await line.say_raw(said(LARGEST + 1))
        end = await end_of(line)

        assert reason(end) == "BODY_TOO_LARGE"
        assert end.error is not None
        assert end.error.metadata["limit_bytes"] == str(LARGEST)
        assert line.close_code == 1009


@wires
async def test_a_message_that_grows_when_it_is_inflated_is_closed_with_1009(wire: str) -> None:
    """5,000 bytes that would become five million."""
    async with (
        beside(wire) as (service, _),
        websocket(service.gateways[wire], compress=15) as line,
    ):
        await line.say_raw(said(50 * LARGEST))

        assert await line.close_of_the_wire() == 1009


@wires
async def test_a_message_that_is_announced_as_huge_is_not_waited_for(wire: str) -> None:
    announced = bytes([0x81, 0xFF]) + (1 << 62).to_bytes(8, "big") + bytes(4)
    async with beside(wire) as (service, _), tcp(service.gateways[wire]) as (reader, writer):
        writer.write(HANDSHAKE + announced)
        await reader.readuntil(b"\r\n\r\n")

        assert (await reader.read())[:4] == bytes([0x88, 2]) + (1009).to_bytes(2, "big")


@wires
async def test_pieces_without_end_are_one_message_that_is_too_large(wire: str) -> None:
    head = bytes([0xFF]) + (LARGEST // 4).to_bytes(8, "big") + bytes(4)
    piece = head + b"x" * (LARGEST // 4)
    async with beside(wire) as (service, _), tcp(service.gateways[wire]) as (reader, writer):
        # Of the fifth the head is enough, and what is not sent need not be read.
        writer.write(HANDSHAKE + b"\x01" + piece + 3 * (b"\x00" + piece) + b"\x00" + head)
        await reader.readuntil(b"\r\n\r\n")

        assert (await reader.read())[:4] == bytes([0x88, 2]) + (1009).to_bytes(2, "big")


@wires
async def test_what_is_no_text_is_refused_with_1003(wire: str) -> None:
    async with beside(wire) as (service, _), websocket(service.gateways[wire]) as line:
        await line.say_bytes(b"{}")

        assert reason(await end_of(line)) == "CONTENT_UNSUPPORTED"
        assert line.close_code == 1003


@wires
async def test_a_handshake_that_never_ends_is_cut_off(wire: str) -> None:
    async with beside(wire) as (service, _), tcp(service.gateways[wire]) as (reader, writer):
        writer.write(HANDSHAKE[:-2])

        assert await reader.read() == b""


@wires
@pytest.mark.parametrize("origin", ["https://app.example", "null", "http://localhost:1"])
async def test_pages_of_other_origins_may_not_talk(wire: str, origin: str) -> None:
    async with beside(wire) as (service, _):
        heard = len(service.parrot.heard)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with websocket(service.gateways[wire], headers={"Origin": origin}):
                pass

        assert refused.value.status == 403
        assert len(service.parrot.heard) == heard


@wires
async def test_a_stop_of_the_gateway_is_told_and_closes_with_1001(wire: str) -> None:
    async with serving() as service, websocket(service.gateways[wire]) as line:
        await line.say(words("hello"))
        await line.hear()
        stopping = asyncio.create_task(service.gateways[wire].stop(grace_seconds=60))

        assert reason(await end_of(line)) == "SERVER_STOPPING"
        assert line.close_code == 1001
        await stopping
        await service.parrot.ended.wait()


@wires
async def test_a_call_that_does_not_listen_holds_up_who_talks_and_loses_nothing(wire: str) -> None:
    count = 300
    async with serving() as service, websocket(service.gateways[wire]) as line:
        await line.say(words("hold"))

        async def talk() -> None:
            for number in range(count):
                await line.say(words(f"{number} {'x' * 20_000}"))

        talking = asyncio.create_task(talk())
        service.parrot.released.set()
        numbers = [(await line.hear()).delta.text.split()[0] for _ in range(count)]
        await talking
    assert numbers == list(map(str, range(count)))
