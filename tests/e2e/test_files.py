"""Files over REST, whichever way the gateway reaches the server: bodies as they are, in and out."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import pytest
import pytest_asyncio

from funland_gateway.app import Gateway
from funland_gateway.channel import GrpcChannel
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from funland_server.config import ServerSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTENT = bytes(range(256)) * 4000 + b"the rest"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "/funland/v1/files"
MOST = 4 << 20


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    server = Server(ServerSettings(home=tmp_path_factory.mktemp("home"), port=0, file_bytes=MOST))
    await server.start()
    yield server
    await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["local", "grpc"])
async def gateway(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Gateway]:
    async with grpc.aio.insecure_channel(server.address) as remote:
        channel = server.channel if request.param == "local" else GrpcChannel(remote)
        gateway = Gateway(
            channel, GatewaySettings(port=0, max_body_bytes=1024, body_timeout_seconds=0.5)
        )
        await gateway.start()
        yield gateway
        await gateway.stop(0.01)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(gateway: Gateway) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(gateway.url) as session:
        yield session


@pytest.fixture
def folder(server: Server) -> Path:
    folder = server.settings.now.home / "files"
    folder.mkdir(exist_ok=True)
    return folder


async def uploaded(http: aiohttp.ClientSession, body: Any, **query: str) -> tuple[int, Any]:
    async with http.post(URL, data=body, params=query) as answer:
        return answer.status, await answer.json()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def settled(folder: Path) -> set[str]:
    """What is kept, once all calls of the test before are over in the server too."""
    async with asyncio.timeout(120):
        while any(name.startswith(".new-") for name in names(folder)):  # noqa: ASYNC110 - as below
            await asyncio.sleep(0.001)
    return names(folder)


async def becomes(folder: Path, those: set[str]) -> None:
    """Over gRPC a call ends in the server a little later than at its client."""
    async with asyncio.timeout(120):
        while names(folder) != those:  # noqa: ASYNC110 - a folder has no events
            await asyncio.sleep(0.001)


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def test_a_body_that_is_larger_than_bodies_may_be_is_kept_and_given_back(
    http: aiohttp.ClientSession,
) -> None:
    status, file = await uploaded(
        http, CONTENT, name='Zahl "ü".bin', purpose="vision", sha256=SHA256
    )

    assert (status, file["size_bytes"], file["sha256"]) == (200, len(CONTENT), SHA256)
    async with http.get(f"{URL}/{file['file_id']}/content") as answer:
        assert await answer.read() == CONTENT
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"Zahl ___.bin\"; filename*=UTF-8''Zahl%20%22%C3%BC%22.bin"
    )
    assert answer.headers["x-content-type-options"] == "nosniff"
    async with http.head(f"{URL}/{file['file_id']}/content") as answer:
        assert (answer.status, answer.headers["content-length"]) == (200, str(len(CONTENT)))


async def test_a_body_of_no_known_length_and_one_of_nothing(http: aiohttp.ClientSession) -> None:
    _, file = await uploaded(http, pieces(b"one ", b"two"), name="a.txt")
    _, empty = await uploaded(http, b"")

    assert (file["size_bytes"], file["media_type"]) == (7, "text/plain")
    async with http.get(f"{URL}/{file['file_id']}/content") as answer:
        assert (await answer.text(), answer.content_type) == ("one two", "text/plain")
    assert (empty["size_bytes"], empty["name"]) == (0, "file")
    async with http.get(f"{URL}/{empty['file_id']}/content") as answer:
        assert (answer.status, await answer.read()) == (200, b"")


@pytest.mark.parametrize(
    ("query", "reason", "named"),
    [
        ({"sha256": "0" * 64}, "FILE_DAMAGED", None),
        ({"purpose": "A B"}, "FIELD_INVALID", "purpose"),
        ({"media_type": "text/html\r\nx: y"}, "FIELD_INVALID", "media_type"),
        ({"retention_seconds": "-1"}, "FIELD_INVALID", "retention_seconds"),
        ({"data": "QQ=="}, "FIELD_INVALID", "data"),
        ({"nam": "x"}, "FIELD_INVALID", "nam"),
    ],
)
async def test_what_is_wrong_is_told_and_nothing_is_kept(
    http: aiohttp.ClientSession,
    folder: Path,
    query: dict[str, str],
    reason: str,
    named: str | None,
) -> None:
    before = await settled(folder)

    status, answer = await uploaded(http, b"some", **query)

    error = answer["error"]
    assert (status, error["reason"]) == (400, reason)
    assert [each["field"] for each in error["field_violations"]] == ([named] if named else [])
    await becomes(folder, before)


async def test_a_file_that_is_too_large_is_refused_amid_it(
    http: aiohttp.ClientSession, folder: Path
) -> None:
    before = await settled(folder)

    status, answer = await uploaded(http, pieces(*[bytes(1 << 20)] * 5))

    assert (status, answer["error"]["reason"]) == (400, "FILE_TOO_LARGE")
    assert answer["error"]["metadata"] == {"limit_bytes": str(MOST)}
    await becomes(folder, before)


async def test_what_is_no_content_as_it_is_is_refused(http: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData({"a": "b"}, default_to_multipart=True)
    async with http.post(URL, data=form) as answer:
        assert (answer.status, (await answer.json())["error"]["reason"]) == (
            415,
            "CONTENT_UNSUPPORTED",
        )
    async with http.post(URL, data=b"x", headers={"Content-Encoding": "gzip"}) as answer:
        assert answer.status == 415


async def test_a_body_that_trickles_is_late(http: aiohttp.ClientSession, folder: Path) -> None:
    before = await settled(folder)
    ended = asyncio.Event()

    async def trickle() -> AsyncIterator[bytes]:
        yield b"a"
        await ended.wait()

    status, answer = await uploaded(http, trickle())
    ended.set()

    assert (status, answer["error"]["reason"]) == (400, "BODY_MALFORMED")
    await becomes(folder, before)


async def test_a_client_that_goes_leaves_nothing(gateway: Gateway, folder: Path) -> None:
    before = await settled(folder)
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 600000\r\n\r\n"
    writer.write(head.encode() + bytes(300_000))
    await writer.drain()
    async with asyncio.timeout(120):
        while names(folder) == before:  # noqa: ASYNC110 - a folder has no events
            await asyncio.sleep(0.001)

    writer.close()

    await becomes(folder, before)
    assert not await reader.read()


async def test_an_unknown_file_is_404(http: aiohttp.ClientSession) -> None:
    for method, path in [("GET", ""), ("GET", "/content"), ("HEAD", "/content"), ("DELETE", "")]:
        async with http.request(method, f"{URL}/file-none{path}") as answer:
            assert answer.status == 404
            if method != "HEAD":
                assert (await answer.json())["error"]["reason"] == "FILE_NOT_FOUND"
