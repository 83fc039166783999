"""Files that come in several calls, over gRPC and REST."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from funland.v1.files_pb2 import GetFileRequest
from funland.v1.uploads_pb2 import (
    AppendUploadRequest,
    CancelUploadRequest,
    CompleteUploadRequest,
    CreateUploadRequest,
    GetUploadRequest,
    Upload,
)
from funland_client import Funland
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.conftest import StartStack
from tests.e2e.wires import Refused, Wire, wire_to

CONTENT = bytes(range(256)) * 4000 + b"the rest"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MOST = 4 << 20
SECONDS = 120


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(ServerSettings(home=tmp_path / "home", port=0, upload_bytes=MOST))
    await server.start()
    yield server
    await server.stop(0)


@pytest.fixture(params=["gRPC", "REST"])
async def wire(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[Wire]:
    async with wire_to(server, request.param) as wire:
        yield wire


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


async def begun(wire: Wire, size: int = len(CONTENT)) -> Upload:
    return await wire.call("CreateUpload", CreateUploadRequest(name="x/a.jsonl", size_bytes=size))


async def add(wire: Wire, upload: Upload, offset: int, *contents: bytes) -> Upload:
    head = AppendUploadRequest(upload_id=upload.upload_id, offset=offset)
    return await wire.send("AppendUpload", head, pieces(*contents))


def completing(upload: Upload, sha256: str = "") -> CompleteUploadRequest:
    return CompleteUploadRequest(upload_id=upload.upload_id, sha256=sha256)


async def test_a_file_comes_in_several_calls(wire: Wire, server: Server) -> None:
    upload = await begun(wire)
    first = await add(wire, upload, 0, CONTENT[:300_000], CONTENT[300_000:500_000])
    second = await add(wire, upload, 500_000, CONTENT[500_000:])
    there = await wire.call("GetUpload", GetUploadRequest(upload_id=upload.upload_id))

    file = await wire.call("CompleteUpload", completing(upload, SHA256))

    assert (first.offset, second.offset, there.offset) == (500_000, len(CONTENT), len(CONTENT))
    assert there.expire_time.seconds - there.create_time.seconds >= 24 * 3600 - 1
    assert (file.name, file.size_bytes, file.sha256) == ("a.jsonl", len(CONTENT), SHA256)
    assert file.purpose == "user_data"
    assert await wire.call("GetFile", GetFileRequest(file_id=file.file_id)) == file
    assert (server.settings.now.home / "files" / file.file_id).read_bytes() == CONTENT
    assert not list((server.settings.now.home / "uploads").iterdir())


async def test_who_asks_again_to_complete_gets_the_same_file(wire: Wire) -> None:
    upload = await begun(wire, 3)
    await add(wire, upload, 0, b"abc")

    first = await wire.call("CompleteUpload", completing(upload))
    second = await wire.call("CompleteUpload", completing(upload))

    assert first == second
    with pytest.raises(Refused, match="UPLOAD_NOT_FOUND"):
        await wire.call("GetUpload", GetUploadRequest(upload_id=upload.upload_id))


async def test_an_empty_file_needs_no_bytes(wire: Wire) -> None:
    upload = await begun(wire, 0)

    assert (await wire.call("CompleteUpload", completing(upload))).size_bytes == 0


async def test_bytes_that_belong_elsewhere_are_refused_with_the_place(wire: Wire) -> None:
    upload = await begun(wire)
    await add(wire, upload, 0, CONTENT[:1000])

    for offset in (0, 999, 1001):
        with pytest.raises(Refused) as raised:
            await add(wire, upload, offset, b"x")
        assert raised.value.reason == "UPLOAD_OFFSET_WRONG"
        assert raised.value.metadata == {"upload_id": upload.upload_id, "offset": "1000"}


async def test_more_than_it_was_to_have_is_refused_and_what_came_stays(wire: Wire) -> None:
    upload = await begun(wire, 5)
    await add(wire, upload, 0, b"abc")

    with pytest.raises(Refused, match="FILE_TOO_LARGE"):
        await add(wire, upload, 3, b"def")

    there = await wire.call("GetUpload", GetUploadRequest(upload_id=upload.upload_id))
    assert there.offset == 3
    with pytest.raises(Refused, match="UPLOAD_INCOMPLETE") as raised:
        await wire.call("CompleteUpload", completing(upload))
    assert raised.value.metadata["offset"] == "3"
    assert raised.value.metadata["size_bytes"] == "5"


async def test_a_damaged_upload_is_gone(wire: Wire) -> None:
    upload = await begun(wire, 3)
    await add(wire, upload, 0, b"abc")

    with pytest.raises(Refused, match="FILE_DAMAGED"):
        await wire.call("CompleteUpload", completing(upload, "0" * 64))
    with pytest.raises(Refused, match="UPLOAD_NOT_FOUND"):
        await wire.call("CompleteUpload", completing(upload))


async def test_what_is_too_large_is_not_begun(wire: Wire, server: Server) -> None:
    with pytest.raises(Refused, match="FILE_TOO_LARGE") as raised:
        await begun(wire, MOST + 1)

    assert raised.value.metadata == {"limit_bytes": str(MOST)}
    assert "server.upload_bytes" in raised.value.message


async def test_a_cancelled_upload_is_gone(wire: Wire, server: Server) -> None:
    upload = await begun(wire)
    await add(wire, upload, 0, b"abc")

    await wire.call("CancelUpload", CancelUploadRequest(upload_id=upload.upload_id))

    for name, request in (
        ("GetUpload", GetUploadRequest(upload_id=upload.upload_id)),
        ("CancelUpload", CancelUploadRequest(upload_id=upload.upload_id)),
        ("CompleteUpload", completing(upload)),
    ):
        with pytest.raises(Refused, match="UPLOAD_NOT_FOUND"):
            await wire.call(name, request)
    with pytest.raises(Refused, match="UPLOAD_NOT_FOUND"):
        await add(wire, upload, 3, b"d")
    assert not list((server.settings.now.home / "uploads").iterdir())


async def test_a_call_that_is_broken_off_leaves_what_came(wire: Wire, server: Server) -> None:
    upload = await begun(wire)
    place = server.settings.now.home / "uploads" / upload.upload_id

    async def endless() -> AsyncIterator[bytes]:
        yield CONTENT[: 256 << 10]
        await asyncio.Event().wait()

    head = AppendUploadRequest(upload_id=upload.upload_id)
    call = asyncio.ensure_future(wire.send("AppendUpload", head, endless()))
    async with asyncio.timeout(SECONDS):
        while place.stat().st_size == 0:  # noqa: ASYNC110 - a file has no events
            await asyncio.sleep(0.001)
    call.cancel()
    await asyncio.wait([call])

    # The next call waits until the one before has ended in the server.
    with pytest.raises(Refused, match="UPLOAD_OFFSET_WRONG") as raised:
        await add(wire, upload, len(CONTENT), b"")
    offset = int(raised.value.metadata["offset"])
    await add(wire, upload, offset, CONTENT[offset:])
    assert offset == 256 << 10
    assert (await wire.call("CompleteUpload", completing(upload, SHA256))).sha256 == SHA256


async def test_two_calls_at_once_do_not_mix(wire: Wire) -> None:
    upload = await begun(wire)
    half = len(CONTENT) // 2

    ends = await asyncio.gather(
        *(add(wire, upload, 0, CONTENT[:half]) for _ in range(4)), return_exceptions=True
    )

    refused = [one.reason for one in ends if isinstance(one, Refused)]
    assert refused == ["UPLOAD_OFFSET_WRONG"] * 3
    await add(wire, upload, half, CONTENT[half:])
    assert (await wire.call("CompleteUpload", completing(upload, SHA256))).sha256 == SHA256


async def test_the_disk_must_have_room_for_all_that_was_promised(tmp_path: Path) -> None:
    free = psutil.disk_usage(str(tmp_path)).free
    settings = ServerSettings(
        home=tmp_path / "home", port=0, upload_bytes=2**50, download_reserve_bytes=0
    )
    server = Server(settings)
    await server.start()
    try:
        async with wire_to(server, "gRPC") as wire:
            first = await begun(wire, free * 3 // 4)
            with pytest.raises(Refused, match="STORAGE_FULL"):
                await begun(wire, free * 3 // 4)
            await wire.call("CancelUpload", CancelUploadRequest(upload_id=first.upload_id))
            await begun(wire, free * 3 // 4)
            assert len(list((settings.home / "uploads").iterdir())) == 1
    finally:
        await server.stop(0)


def test_a_killed_server_has_what_it_acknowledged(start_stack: StartStack, tmp_path: Path) -> None:
    first = start_stack(tmp_path / "home")
    with Funland(first.grpc_address) as client:
        upload = client.uploads.create("a.bin", len(CONTENT))
        client.uploads.append(upload.upload_id, 0, [CONTENT[:700_000]])
    first.process.kill()
    first.process.wait()
    place = first.home / "uploads" / upload.upload_id
    with place.open("ab") as file:
        file.write(b"a tail of which nobody was told")

    second = start_stack(tmp_path / "home")
    with Funland(second.grpc_address) as client:
        there = client.uploads.get(upload.upload_id)
        client.uploads.append(upload.upload_id, there.offset, [CONTENT[there.offset :]])
        file = client.uploads.complete(upload.upload_id, sha256=SHA256)

    assert there.offset == 700_000
    assert (second.home / "files" / file.file_id).read_bytes() == CONTENT


def test_a_large_upload_takes_little_memory(start_stack: StartStack) -> None:
    stack = start_stack()
    size, part = 384 << 20, bytes(1 << 20)
    with Funland(stack.grpc_address) as client:
        warm = client.uploads.create("warm.bin", len(part))
        client.uploads.append(warm.upload_id, 0, [part])
        client.uploads.complete(warm.upload_id)
        process = psutil.Process(stack.pid)
        rest = process.memory_info().rss
        most = 0

        def parts() -> list[bytes]:
            nonlocal most
            most = max(most, process.memory_info().rss)
            return [part] * 16

        upload = client.uploads.create("large.bin", size)
        for offset in range(0, size, 16 << 20):
            client.uploads.append(upload.upload_id, offset, parts())
        client.uploads.complete(upload.upload_id)

    assert max(most, process.memory_info().rss) - rest < 200 << 20
