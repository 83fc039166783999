"""Files over gRPC and inside the process, by a real server."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc.aio
import pytest

from funland.v1.files_pb2 import (
    DeleteFileRequest,
    DownloadFileRequest,
    File,
    GetFileRequest,
    ListFilesRequest,
    UploadFileRequest,
)
from funland.v1.files_pb2_grpc import FileServiceStub
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import METHODS, call, details, streamed

CONTENT = b"one line\n" * 100_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


async def said(*requests: UploadFileRequest) -> AsyncIterator[UploadFileRequest]:
    for request in requests:
        yield request


def parts(content: bytes, size: int = 200_000) -> Iterable[UploadFileRequest]:
    return (
        UploadFileRequest(data=content[begin : begin + size])
        for begin in range(0, len(content), size)
    )


async def upload(server: Server, *requests: UploadFileRequest) -> File:
    kept: Any = await server.channel.collect(METHODS["UploadFile"], said(*requests), (), None)
    return kept


async def content(server: Server, file_id: str) -> bytes:
    request = DownloadFileRequest(file_id=file_id)
    return b"".join([part.data async for part in streamed(server, "DownloadFile", request)])


async def test_a_file_is_kept_and_given_back_over_grpc(server: Server) -> None:
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = FileServiceStub(channel)
        head = UploadFileRequest(name="folder/lines.jsonl", purpose="batch", sha256=SHA256)

        kept = await stub.UploadFile(said(head, *parts(CONTENT)))

        assert (kept.name, kept.purpose, kept.media_type) == (
            "lines.jsonl",
            "batch",
            "application/jsonl",
        )
        assert (kept.size_bytes, kept.sha256) == (len(CONTENT), SHA256)
        assert await stub.GetFile(GetFileRequest(file_id=kept.file_id)) == kept
        got = [part async for part in stub.DownloadFile(DownloadFileRequest(file_id=kept.file_id))]
        assert b"".join(part.data for part in got) == CONTENT
        told = File()
        assert got[0].content_type == "application/jsonl"
        assert got[0].extensions[0].Unpack(told)
        assert told == kept


async def test_equal_contents_are_on_the_disk_once(
    server: Server, settings: ServerSettings
) -> None:
    first = await upload(server, *parts(CONTENT))
    second = await upload(server, *parts(CONTENT))

    folder = settings.home / "files"
    assert sorted(each.name for each in folder.iterdir()) == sorted([first.file_id, second.file_id])
    assert (folder / first.file_id).samefile(folder / second.file_id)
    await call(server, "DeleteFile", DeleteFileRequest(file_id=first.file_id))
    assert await content(server, second.file_id) == CONTENT
    await call(server, "DeleteFile", DeleteFileRequest(file_id=second.file_id))
    assert not (settings.home / "blobs" / f"sha256-{SHA256}").exists()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await content(server, second.file_id)
    assert details(raised.value)["ErrorInfo"].reason == "FILE_NOT_FOUND"


async def test_pages_of_files(server: Server) -> None:
    kept = [
        await upload(server, UploadFileRequest(name=f"{n}", purpose="batch" if n % 2 else ""))
        for n in range(5)
    ]
    listed = await call(server, "ListFiles", ListFilesRequest(page_size=2))
    assert [file.file_id for file in listed.files] == [kept[4].file_id, kept[3].file_id]
    assert listed.total_size == 5
