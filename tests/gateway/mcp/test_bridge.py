"""`funland mcp` between a host's lines and the endpoint, before a server whose answers the test
writes."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from funland_cli.bridge import Bridge, lines_of
from funland_cli.mcp_headers import Handshake, encoded
from funland_gateway.mcp.checks import decoded
from tests.gateway.conftest import Answers, StartGateway
from tests.gateway.mcp.test_exchange import HELLO, META, NEW, Endless, old, stream_chat

COMMON = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}


@pytest.mark.parametrize("value", ["chat", "a b", "ä", " a", "a ", "", "=?base64?YQ==?=", "a\nb"])
def test_a_value_goes_through_a_header(value: str) -> None:
    told = encoded(value)

    assert decoded(told) == value
    assert told.isascii()
    assert told.isprintable()


def test_headers_are_those_of_the_messages_era() -> None:
    agreed = Handshake()
    first = old("initialize", protocolVersion="2025-06-18")
    before = agreed.headers(old("ping"))

    agreed.note(first, {"result": {"protocolVersion": "2025-06-18"}}, "s")
    agreed.note(old("ping"), {"result": {"protocolVersion": "x"}}, "y")

    assert before == agreed.headers(first) == COMMON
    assert agreed.headers(old("ping")) == {
        **COMMON,
        "MCP-Protocol-Version": "2025-06-18",
        "Mcp-Session-Id": "s",
    }
    assert agreed.headers(old("tools/call", name="ä", _meta=META)) == {
        **COMMON,
        "MCP-Protocol-Version": NEW,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "=?base64?w6Q=?=",
    }


class Output(io.BytesIO):
    """Tells a loop of what threads write."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self.written = asyncio.Event()

    def flush(self) -> None:
        self._loop.call_soon_threadsafe(self.written.set)


class Host:
    """What starts the bridge, and hears what it tells."""

    def __init__(self) -> None:
        self.output = Output()
        self._said: asyncio.Queue[bytes] = asyncio.Queue()

    def say(self, message: Any) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._said.put_nowait(line + b"\n")

    def leave(self) -> None:
        self._said.put_nowait(b"")

    async def lines(self) -> AsyncIterator[bytes]:
        while line := await self._said.get():
            yield line

    def heard(self) -> list[Any]:
        return [json.loads(line) for line in self.output.getvalue().splitlines()]

    async def hears(self, count: int) -> list[Any]:
        """What it has heard, when it is so much."""
        while len(self.heard()) < count:
            self.output.written.clear()
            await self.output.written.wait()
        return self.heard()


@pytest.fixture
async def host(start_gateway: StartGateway) -> AsyncIterator[Host]:
    gateway = await start_gateway()
    host = Host()
    async with asyncio.timeout(120), aiohttp.ClientSession() as http:
        bridge = Bridge(http, f"{gateway.url}/mcp", host.output)
        carrying = asyncio.create_task(bridge.carry(host.lines()))
        yield host
        host.leave()
        await carrying


async def test_lines_go_to_the_endpoint_and_come_back(host: Host, answers: Answers) -> None:
    answers["StreamChat"] = stream_chat
    host.say(old("initialize", 1, protocolVersion="2025-06-18"))
    host.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
    await host.hears(1)
    host.say(old("tools/call", "x", name="chat", arguments=HELLO, _meta={"progressToken": 7}))
    await host.hears(3)
    host.say(old("server/discover", 2, _meta=META))
    first, news, chat, discovered = await host.hears(4)

    assert first["result"]["protocolVersion"] == "2025-06-18"
    assert news["params"]["progressToken"] == 7
    assert (chat["id"], chat["result"]["structuredContent"]["text"]) == ("x", "Hello")
    assert (discovered["id"], discovered["result"]["resultType"]) == (2, "complete")


async def test_what_is_no_message_is_an_error(host: Host) -> None:
    host.say(b"{")
    host.say([])
    host.say(old("nothing", 3))
    await host.hears(3)
    host.say(
        old(
            "tools/list",
            4,
            _meta={**META, "x": 1, "io.modelcontextprotocol/protocolVersion": "2099-01-01"},
        )
    )
    told = await host.hears(4)

    assert [each["id"] for each in told] == [None, None, 3, 4]
    assert [each["error"]["code"] for each in told] == [-32700, -32600, -32601, -32022]


@pytest.mark.parametrize("era", ["handshake", "envelope"])
async def test_a_call_that_is_taken_back_ends(host: Host, answers: Answers, era: str) -> None:
    chat = Endless()
    answers["StreamChat"] = chat.stream
    host.say(old("initialize", 1, protocolVersion="2025-11-25"))
    await host.hears(1)
    meta = META if era == "envelope" else {}
    host.say(old("tools/call", 5, name="chat", arguments=HELLO, _meta=meta))
    await chat.begun.wait()
    host.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}})
    await chat.ended.wait()

    host.say(old("ping", 6))
    heard = await host.hears(2 if era == "envelope" else 3)
    assert heard[-1]["id"] in (5, 6)


async def test_who_leaves_takes_all_calls_back(host: Host, answers: Answers) -> None:
    chat = Endless()
    answers["StreamChat"] = chat.stream
    host.say(old("tools/call", 5, name="chat", arguments=HELLO))
    await chat.begun.wait()
    host.leave()
    await chat.ended.wait()


async def test_a_service_that_is_not_there_is_told() -> None:
    host = Host()
    host.say(old("ping", 1))
    async with asyncio.timeout(120), aiohttp.ClientSession() as http:
        bridge = Bridge(http, "http://127.0.0.1:9/mcp", host.output)
        carrying = asyncio.create_task(bridge.carry(host.lines()))
        (told,) = await host.hears(1)
        host.leave()
        await carrying

    assert told["id"] == 1
    assert "`funland serve` starts a service" in told["error"]["message"]


async def test_lines_come_from_a_file() -> None:
    file = io.BytesIO(b"a\n\nb")

    assert [line async for line in lines_of(file)] == [b"a\n", b"\n", b"b"]
