"""Crowds of callers beside whom others want to be served: patient, slow, fleeting, queued."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import grpc.aio
import orjson

from funland.v1.inference_pb2 import GenerateRequest, SamplingParameters
from funland.v1.inference_pb2_grpc import InferenceServiceStub

if TYPE_CHECKING:
    from funland.v1.inference_pb2_grpc import InferenceServiceAsyncStub

_LONG = 3000
_RECEIVE_BUFFER = 2048
_SIP_BYTES, _SIP_SECONDS = 64, 0.25
_LEAST_PIECES = 5
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: a close sends RST and waits for nothing


@dataclass(frozen=True, slots=True)
class Target:
    """Where a crowd goes, and what it asks."""

    http: str
    grpc: str
    model: str
    prompts: Iterator[str]

    def body(self, tokens: int) -> bytes:
        """An HTTP request for a stream of so many tokens."""
        content = orjson.dumps(
            {
                "model": self.model,
                "prompt": next(self.prompts),
                "temperature": 0,
                "max_tokens": tokens,
                "ignore_eos": True,
                "stream": True,
            }
        )
        head = (
            f"POST /v1/completions HTTP/1.1\r\nhost: {urlsplit(self.http).netloc}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


@asynccontextmanager
async def patient(target: Target, count: int) -> AsyncGenerator[None]:
    """Readers of long streams who read all at once: the measure for the slow ones."""
    async with _streams(target, count, _read_all):
        yield


@asynccontextmanager
async def slow(target: Target, count: int) -> AsyncGenerator[None]:
    """Readers of long streams who sip 64 bytes four times a second."""
    async with _streams(target, count, _sip):
        yield


@asynccontextmanager
async def fleeting(target: Target, count: int) -> AsyncGenerator[None]:
    """Callers who ask for a long stream and are gone after five pieces, without a goodbye."""

    async def call() -> None:
        connection = await _request(target, _LONG, None)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        with contextlib.closing(connection):
            await _read_until(connection, _LEAST_PIECES)

    async with _again_and_again(call, count):
        yield


@asynccontextmanager
async def modest(target: Target, count: int) -> AsyncGenerator[None]:
    """Callers who ask for five tokens and read them: the measure for the fleeting ones."""

    async def call() -> None:
        connection = await _request(target, _LEAST_PIECES, None)
        with contextlib.closing(connection):
            await _read_until(connection, b"[DONE]")

    async with _again_and_again(call, count):
        yield


@asynccontextmanager
async def queued(target: Target, count: int) -> AsyncGenerator[None]:
    """Calls that wait for a slot. One that is refused fails the block."""

    async def call(stub: InferenceServiceAsyncStub) -> None:
        request = GenerateRequest(
            model=target.model,
            prompt=next(target.prompts),
            sampling=SamplingParameters(temperature=0, max_tokens=1, ignore_end=True),
        )
        async for _ in stub.StreamGenerate(request):
            pass

    async with grpc.aio.insecure_channel(target.grpc, [("grpc.enable_http_proxy", 0)]) as channel:
        stub = InferenceServiceStub(channel)
        async with _tasks([call(stub) for _ in range(count)]):
            yield


@asynccontextmanager
async def nobody(_target: Target, _count: int) -> AsyncGenerator[None]:
    """An empty crowd."""
    yield


@asynccontextmanager
async def _streams(
    target: Target, count: int, read: Callable[[socket.socket], Awaitable[None]]
) -> AsyncGenerator[None]:
    async def call() -> None:
        buffer = _RECEIVE_BUFFER if read is _sip else None
        connection = await _request(target, _LONG, buffer)
        with contextlib.closing(connection):
            await read(connection)

    async with _tasks([call() for _ in range(count)]):
        yield


@asynccontextmanager
async def _tasks(calls: list[Awaitable[None]]) -> AsyncGenerator[None]:
    """Runs calls until the block ends, and then ends them. One that failed fails the block."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


@asynccontextmanager
async def _again_and_again(call: Callable[[], Awaitable[None]], count: int) -> AsyncGenerator[None]:
    """Calls from many callers, each anew when its call is over, until the block ends."""

    async def caller() -> None:
        while True:
            await call()

    async with _tasks([caller() for _ in range(count)]):
        yield


async def _request(target: Target, tokens: int, receive_buffer: int | None) -> socket.socket:
    """Sends a request on a new connection."""
    address = urlsplit(target.http)
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(connection, (address.hostname, address.port))
    await loop.sock_sendall(connection, target.body(tokens))
    return connection


async def _read_all(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(connection, 65536):
        pass


async def _sip(connection: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while await loop.sock_recv(connection, _SIP_BYTES):  # noqa: ASYNC110 - slowness is the point
        await asyncio.sleep(_SIP_SECONDS)


async def _read_until(connection: socket.socket, end: int | bytes) -> None:
    """Reads until so many pieces have come, or a text that ends the stream."""
    loop = asyncio.get_running_loop()
    read = b""
    while True:
        part = await loop.sock_recv(connection, 65536)
        if not part:
            raise RuntimeError(f"a stream was cut off: {read[:200]!r}")
        read += part
        if read.count(b"data: ") >= end if isinstance(end, int) else end in read:
            return
