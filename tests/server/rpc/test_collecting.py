"""Calls that send a stream and get one answer: over gRPC and inside the process."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import pytest

from funland.v1.files_pb2 import DESCRIPTOR, File, UploadFileRequest
from funland.v1.files_pb2_grpc import FileServiceStub
from funland_server.domain import RequestRefused
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.rpc.grpc_server import GrpcServer
from funland_server.rpc.local_channel import LocalChannel
from funland_server.rpc.pipeline import Pipeline
from tests.server.conftest import SECONDS

UPLOAD = DESCRIPTOR.services_by_name["FileService"].methods_by_name["UploadFile"]
PART = UploadFileRequest(data=b"x")


class Counting:
    """Answers uploads with how many messages came, and remembers how each ended."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.ends: list[str] = []
        self.over = asyncio.Event()

    async def UploadFile(self, requests: AsyncIterator[UploadFileRequest]) -> File:
        count = 0
        try:
            async for _ in requests:
                count += 1
                self.came.set()
        except BaseException as error:
            self.ends.append(type(error).__name__)
            self.over.set()
            raise
        self.ends.append("whole")
        self.over.set()
        return File(size_bytes=count)

    def __getattr__(self, name: str) -> Any:
        return self.UploadFile  # the other RPCs of the service are not called


@pytest.fixture
async def counting() -> Counting:
    return Counting()


@pytest.fixture
async def pipeline(counting: Counting) -> Pipeline:
    pipeline = Pipeline(Metrics())
    pipeline.add(DESCRIPTOR.services_by_name["FileService"], counting)
    return pipeline


@pytest.fixture
async def address(pipeline: Pipeline) -> AsyncIterator[str]:
    server = GrpcServer(pipeline, Live(30.0))
    yield await server.start("127.0.0.1", 0)
    await server.stop()


async def test_a_stream_that_is_broken_off_does_not_look_like_its_end(
    address: str, counting: Counting
) -> None:
    ended = threading.Event()

    def said() -> Iterator[UploadFileRequest]:
        yield PART
        ended.wait(SECONDS)

    with grpc.insecure_channel(address) as channel:
        stub: Any = FileServiceStub(channel)
        for _ in range(5):
            counting.came.clear()
            counting.over.clear()
            call = stub.UploadFile.future(said())
            async with asyncio.timeout(SECONDS):
                await counting.came.wait()
            # So that the server's loop finds all of it at once.
            threading.Timer(0.01, call.cancel).start()
            time.sleep(0.03)  # noqa: ASYNC251 - as above
            async with asyncio.timeout(SECONDS):
                await counting.over.wait()
        ended.set()

    assert counting.ends == ["CancelledError"] * 5


async def test_a_whole_stream_is_answered(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = FileServiceStub(channel)

        async def said() -> AsyncIterator[UploadFileRequest]:
            for _ in range(3):
                yield PART

        assert (await stub.UploadFile(said())).size_bytes == 3


async def test_a_caller_that_sends_nothing_any_more_loses_its_call(
    pipeline: Pipeline, counting: Counting
) -> None:
    server = GrpcServer(pipeline, Live(0.1))
    address = await server.start("127.0.0.1", 0)

    async def said() -> AsyncIterator[UploadFileRequest]:
        yield PART
        await asyncio.Event().wait()

    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = FileServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.UploadFile(said(), timeout=SECONDS)
    await server.stop()

    assert raised.value.code() == grpc.StatusCode.CANCELLED
    assert "sent nothing" in str(raised.value.details())
    assert counting.ends == ["CallerGoneError"]
    assert pipeline.active == 0


async def test_what_the_caller_raises_ends_the_call_inside_the_process(
    pipeline: Pipeline, counting: Counting
) -> None:
    async def said() -> AsyncIterator[UploadFileRequest]:
        yield PART
        await counting.came.wait()
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        await LocalChannel(pipeline).collect(UPLOAD, said(), (), None)

    assert counting.ends == ["CancelledError"]
    assert pipeline.active == 0


async def test_a_message_that_breaks_a_rule_ends_the_call_at_once(
    pipeline: Pipeline, counting: Counting
) -> None:
    async def said() -> AsyncIterator[UploadFileRequest]:
        yield UploadFileRequest(retention_seconds=-1)
        await asyncio.Event().wait()

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async with asyncio.timeout(SECONDS):
            await LocalChannel(pipeline).collect(UPLOAD, said(), (), None)

    assert raised.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert counting.ends == [RequestRefused.__name__]


async def test_the_deadline_of_an_upload_is_its_own(pipeline: Pipeline) -> None:
    async def said() -> AsyncIterator[UploadFileRequest]:
        yield PART
        await asyncio.Event().wait()

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await LocalChannel(pipeline).collect(UPLOAD, said(), (), 0.05)

    assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
