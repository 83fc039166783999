"""WebSockets: what they push, whom they hear, and how they end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc
import pytest
from aiohttp import WSMsgType
from google.protobuf.empty_pb2 import Empty

from funland.v1.downloads_pb2 import Download, DownloadEvent, WatchDownloadsRequest
from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.app import Gateway
from funland_gateway.dialects.manager.watching import LARGEST_MESSAGE
from funland_gateway.sockets import close_code

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers, StartGateway

PATH = "/ws/downloads"
SECONDS = 120


class Downloads:
    """A `WatchDownloads` that sends what it is given, for as long as someone listens."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[DownloadEvent | grpc.StatusCode | None] = asyncio.Queue()
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def watch(
        self, request: WatchDownloadsRequest, context: Any
    ) -> AsyncIterator[DownloadEvent]:
        assert request == WatchDownloadsRequest()
        self.begun.set()
        try:
            yield DownloadEvent(synced=Empty())
            while True:
                event = await self.events.get()
                if event is None:
                    return
                if isinstance(event, grpc.StatusCode):
                    await context.abort(event, "No.")
                else:
                    yield event
        finally:
            self.ended.set()

    def change(self, name: str, size: int = 0) -> None:
        error = Error(message="x" * size) if size else None
        self.events.put_nowait(DownloadEvent(download=Download(download_id=name, error=error)))


@pytest.fixture
def downloads(answers: Answers) -> Downloads:
    served = Downloads()
    answers["WatchDownloads"] = served.watch
    return served


@contextlib.asynccontextmanager
async def connected(gateway: Gateway, **headers: str) -> AsyncGenerator[Any]:
    """A client that has heard that all is told."""
    async with (
        asyncio.timeout(SECONDS),
        aiohttp.ClientSession(gateway.url) as http,
        http.ws_connect(PATH, headers=headers) as socket,
    ):
        assert await socket.receive_json() == {"type": "synced"}
        yield socket


async def next_of(socket: Any, kind: str) -> Any:
    """The next message of a type; others may come before."""
    while True:
        message = await socket.receive_json()
        if message["type"] == kind:
            return message


async def closed(socket: Any) -> int:
    """Reads until the gateway closes, and gives its code."""
    while (await socket.receive()).type is WSMsgType.TEXT:
        pass
    return socket.close_code


async def test_changes_are_pushed_and_wishes_heard(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    async with connected(await start_gateway()) as socket:
        downloads.change("a")
        assert (await socket.receive_json())["data"]["id"] == "a"

        await socket.send_json({"action": "subscribe", "task_id": "a"})
        assert (await socket.receive_json())["data"] == {"task_ids": ["a"]}
        assert (await socket.receive_json())["data"]["id"] == "a"
        downloads.change("b")
        downloads.change("a")
        assert (await socket.receive_json())["data"]["id"] == "a"

        await socket.send_json({"action": "dance"})
        assert (await socket.receive_json())["error"] == "INVALID_ACTION"
        await socket.send_json({"action": "ping"})
        assert (await socket.receive_json())["type"] == "pong"


async def test_a_heart_beats_while_nothing_changes(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    gateway = await start_gateway(heartbeat_seconds=0.05)
    async with connected(gateway) as socket:
        for _ in range(3):
            assert (await socket.receive_json())["type"] == "heartbeat"


async def test_who_goes_ends_the_call_behind(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    async with connected(await start_gateway()) as socket:
        await socket.close()

    async with asyncio.timeout(SECONDS):
        await downloads.ended.wait()


async def test_who_breaks_off_ends_the_call_behind(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    async with connected(await start_gateway()) as socket:
        socket._response.connection.transport.abort()  # aiohttp has no public way

        async with asyncio.timeout(SECONDS):
            await downloads.ended.wait()


async def test_a_stop_is_told_and_closes_with_1001(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    gateway = await start_gateway()
    async with connected(gateway) as socket:
        stopping = asyncio.create_task(gateway.stop(grace_seconds=SECONDS))

        assert (await next_of(socket, "error"))["error"] == "SERVER_STOPPING"
        assert await closed(socket) == 1001
        await stopping
        await downloads.ended.wait()


async def test_a_watch_that_the_server_ends_is_a_stop_of_the_server(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    async with connected(await start_gateway()) as socket:
        downloads.events.put_nowait(None)

        assert (await next_of(socket, "error"))["error"] == "SERVER_STOPPING"
        assert await closed(socket) == 1001


@pytest.mark.parametrize(
    ("code", "reason", "closing"),
    [
        (grpc.StatusCode.UNAVAILABLE, "SERVER_UNREACHABLE", 1013),
        (grpc.StatusCode.INTERNAL, "INTERNAL_ERROR", 1011),
        (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED", 1008),
    ],
)
async def test_a_failure_is_told_before_it_closes(
    start_gateway: StartGateway,
    downloads: Downloads,
    code: grpc.StatusCode,
    reason: str,
    closing: int,
) -> None:
    async with connected(await start_gateway()) as socket:
        downloads.events.put_nowait(code)

        assert (await next_of(socket, "error"))["error"] == reason
        assert await closed(socket) == closing


async def test_a_server_that_does_not_know_the_call_is_told(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    async with (
        asyncio.timeout(SECONDS),
        aiohttp.ClientSession(gateway.url) as http,
        http.ws_connect(PATH) as socket,
    ):
        assert (await next_of(socket, "error"))["success"] is False
        assert await closed(socket) == 1011


async def test_a_long_message_is_refused_with_1009(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    gateway = await start_gateway()
    async with connected(gateway) as socket:
        await socket.send_str(" " * (LARGEST_MESSAGE - 20) + '{"action": "ping"}')
        assert (await next_of(socket, "pong"))["type"] == "pong"
        await socket.send_str(" " * (LARGEST_MESSAGE + 1))

        assert (await next_of(socket, "error"))["error"] == "BODY_TOO_LARGE"
        assert await closed(socket) == 1009
    async with connected(gateway) as socket:
        await socket.send_str(" " * 100_000)
        assert await closed(socket) == 1009


async def test_what_is_no_text_closes_with_1003(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    async with connected(await start_gateway()) as socket:
        await socket.send_bytes(b"{}")

        assert await closed(socket) == 1003


async def test_who_reads_nothing_is_cut_off(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    gateway = await start_gateway(send_timeout_seconds=0.2)
    host, port = gateway.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
    )
    for _ in range(100):  # more than all buffers on the way hold
        downloads.change("a", size=500_000)
    try:
        async with asyncio.timeout(SECONDS):
            await downloads.ended.wait()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://app.example", 101),
        ("https://app.example.evil", 403),
        ("https://app.example:444", 403),
        ("http://app.example", 403),
        ("null", 403),
        ("http://localhost:1", 403),
    ],
)
async def test_pages_of_other_origins_hear_nothing(
    start_gateway: StartGateway, downloads: Downloads, origin: str, status: int
) -> None:
    gateway = await start_gateway(allowed_origins=("https://app.example",))

    if status == 101:
        async with connected(gateway, Origin=origin):
            pass
        return
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(gateway, Origin=origin):
            pass
    assert refused.value.status == status
    assert not downloads.begun.is_set()


async def test_the_gateways_own_pages_may_listen(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    gateway = await start_gateway()
    async with connected(gateway, Origin=gateway.url):
        pass


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_request_that_is_no_websockets_is_told_so(
    http: aiohttp.ClientSession, method: str
) -> None:
    async with http.request(method, PATH) as response:
        assert response.status == 400
        body = b"" if method == "HEAD" else await response.read()
    assert method == "HEAD" or b"Upgrade must be websocket" in body


async def test_a_websocket_is_one_of_the_connections(
    start_gateway: StartGateway, downloads: Downloads
) -> None:
    gateway = await start_gateway(max_connections=1)
    async with (
        connected(gateway),
        aiohttp.ClientSession(gateway.url) as http,
        http.get("/docs") as response,
    ):
        assert response.status == 503


@pytest.mark.parametrize(
    ("code", "reason", "closing"),
    [
        ("UNAVAILABLE", ErrorReason.SERVER_STOPPING, 1001),
        ("UNAVAILABLE", ErrorReason.STORAGE_UNAVAILABLE, 1013),
        ("RESOURCE_EXHAUSTED", ErrorReason.QUEUE_FULL, 1013),
        ("INVALID_ARGUMENT", ErrorReason.BODY_TOO_LARGE, 1009),
        ("INVALID_ARGUMENT", ErrorReason.FIELD_INVALID, 1008),
        ("DEADLINE_EXCEEDED", ErrorReason.DEADLINE_PASSED, 1008),
        ("UNIMPLEMENTED", ErrorReason.ERROR_REASON_UNSPECIFIED, 1011),
        ("INTERNAL", ErrorReason.INTERNAL_ERROR, 1011),
    ],
)
def test_an_error_has_a_code_to_close_with(
    code: str, reason: ErrorReason.ValueType, closing: int
) -> None:
    assert close_code(Error(code=code, reason=reason)) == closing
