"""A service that is spoken with both ways, and the wires over which it can be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

import aiohttp
import grpc.aio
import orjson
from aiohttp import WSMsgType
from google.protobuf.empty_pb2 import Empty

from funland.v1 import sessions_pb2
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import Delta
from funland.v1.sessions_pb2 import ConverseRequest, SendMessageRequest, SessionEvent
from funland_gateway.app import Gateway
from funland_gateway.channel import Channel, GrpcChannel
from funland_gateway.config import GatewaySettings
from funland_gateway.failures import from_rpc
from funland_gateway.transcoding.decoder import decode
from funland_gateway.transcoding.encoder import encode
from funland_server.chat.errors import SessionNotFoundError
from funland_server.domain import RequestRefused
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.rpc.grpc_server import GrpcServer
from funland_server.rpc.local_channel import LocalChannel
from funland_server.rpc.pipeline import Pipeline

SERVICE = sessions_pb2.DESCRIPTOR.services_by_name["SessionService"]
CONVERSE = SERVICE.methods_by_name["Converse"]
SESSION = "s-1"
PATH = f"/funland/v1/sessions/{SESSION}:converse"
SECONDS = 120
"""After which something that should have happened is taken not to happen."""
FLOOD = 64 * 1024
"""Characters of each of the many pieces that `flood` is answered with."""


class Parrot:
    """Says again what is said, as a `delta`. Some words have a meaning:

    - `fail`: the session is gone
    - `flood`: pieces without end
    - `hold`: nothing, until `released`
    - `strict`: from now on what breaks a rule ends the call
    - `bye`: the call ends
    """

    def __init__(self) -> None:
        self.heard: list[ConverseRequest] = []
        self.ended = asyncio.Event()
        self.released = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return None  # the other RPCs, which nobody calls

    async def Converse(
        self, requests: AsyncIterator[ConverseRequest]
    ) -> AsyncGenerator[SessionEvent]:
        """See `sessions.proto`, of which this does a part."""
        strict = False
        try:
            while True:
                try:
                    request = await anext(requests)
                except StopAsyncIteration:
                    return
                except RequestRefused as refused:
                    if strict:
                        raise
                    told = refused.request
                    reference = told.reference if isinstance(told, ConverseRequest) else ""
                    yield SessionEvent(reference=reference, rejected=refused.error.to_wire())
                    continue
                self.heard.append(request)
                strict = strict or request.send.content == "strict"
                if request.send.content == "bye":
                    return
                if request.send.content == "hold":
                    await self.released.wait()
                async for event in _answers(request):
                    yield event
        finally:
            self.ended.set()


async def _answers(request: ConverseRequest) -> AsyncGenerator[SessionEvent]:
    if request.HasField("ping"):
        yield SessionEvent(reference=request.reference, pong=Empty())
    match request.send.content:
        case "" | "strict" | "hold":
            return
        case "fail":
            raise SessionNotFoundError(SESSION)
        case "flood":
            while True:
                yield SessionEvent(delta=Delta(text="x" * FLOOD))
        case words:
            yield SessionEvent(reference=request.reference, delta=Delta(text=words))


class Ended(Exception):
    """A conversation is over; without an error, as it should be."""

    def __init__(self, error: Error | None = None) -> None:
        super().__init__(str(error))
        self.error = error


class Line(Protocol):
    """One conversation over some wire."""

    async def say(self, request: ConverseRequest) -> None:
        """Says something."""
        ...

    async def finish(self) -> None:
        """Says that there is nothing more to say."""
        ...

    async def hear(self) -> SessionEvent:
        """Waits for the next that is told; raises `Ended`."""
        ...

    async def leave(self) -> None:
        """Goes without a word."""
        ...


async def end_of(line: Line) -> Ended:
    """Hears all until the end."""
    while True:
        try:
            await line.hear()
        except Ended as end:
            return end


@dataclass
class Service:
    """A parrot, behind the real pipeline, gRPC server and gateway."""

    parrot: Parrot
    metrics: Metrics
    pipeline: Pipeline
    local: LocalChannel
    address: str
    channel: GrpcChannel
    gateways: dict[str, Gateway] = field(default_factory=dict[str, Gateway])


@asynccontextmanager
async def serving(send_timeout: float = 30, **settings: Any) -> AsyncGenerator[Service]:
    """Runs one, whose gateways are `inside` its process and `apart` from it."""
    metrics, parrot = Metrics(), Parrot()
    pipeline = Pipeline(metrics)
    pipeline.add(SERVICE, parrot)
    server = GrpcServer(pipeline, Live(send_timeout))
    address = await server.start("127.0.0.1", 0)
    async with AsyncExitStack() as ends:
        ends.push_async_callback(server.stop)
        wire = await ends.enter_async_context(grpc.aio.insecure_channel(address))
        service = Service(
            parrot, metrics, pipeline, LocalChannel(pipeline), address, GrpcChannel(wire)
        )
        for name, channel in (("inside", service.local), ("apart", service.channel)):
            gateway = Gateway(
                channel, GatewaySettings(port=0, send_timeout_seconds=send_timeout, **settings)
            )
            await gateway.start()
            ends.push_async_callback(gateway.stop, 0.01)
            service.gateways[name] = gateway
        yield service


HANDSHAKE = (
    f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
).encode()


def frame(text: bytes) -> bytes:
    """A short text as a client sends it, under a mask of zeros."""
    return bytes([0x81, 0x80 | len(text)]) + bytes(4) + text


@asynccontextmanager
async def tcp(
    gateway: Gateway,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a gateway over which anything may go."""
    host, port = gateway.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        async with asyncio.timeout(SECONDS):
            yield reader, writer
    finally:
        writer.close()


def words(text: str, reference: str = "") -> ConverseRequest:
    """What says a text."""
    return ConverseRequest(reference=reference, send=SendMessageRequest(content=text))


def ping(reference: str) -> ConverseRequest:
    """What is answered by a pong."""
    return ConverseRequest(reference=reference, ping=Empty())


class _Requests:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[ConverseRequest | None] = asyncio.Queue()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ConverseRequest:
        request = await self.queue.get()
        if request is None:
            raise StopAsyncIteration
        return request


class ChannelLine:
    """Over one of the gateway's channels."""

    def __init__(self, channel: Channel, timeout: float | None) -> None:
        self._requests = _Requests()
        self._call = channel.converse(CONVERSE, self._requests, (), timeout)
        self._events: AsyncIterator[Any] | None = None
        self._left = False

    async def open(self) -> None:
        """Begins."""
        self._events = await self._call.__aenter__()
        opened = ConverseRequest(session_id=SESSION, open=ConverseRequest.Open())
        await self.say(opened)

    async def say(self, request: ConverseRequest) -> None:
        """See `Line`."""
        self._requests.queue.put_nowait(request)

    async def finish(self) -> None:
        """See `Line`."""
        self._requests.queue.put_nowait(None)

    async def hear(self) -> SessionEvent:
        """See `Line`."""
        assert self._events is not None
        try:
            async with asyncio.timeout(SECONDS):
                return await anext(self._events)
        except StopAsyncIteration:
            raise Ended from None
        except Exception as problem:
            raise await self._end(problem) from problem

    async def _end(self, problem: Exception) -> Exception:
        """Leaves the block as a failure in it does; there it becomes one of gRPC's."""
        self._left = True
        try:
            await self._call.__aexit__(type(problem), problem, problem.__traceback__)
        except grpc.aio.AioRpcError as error:
            problem = error
        return Ended(from_rpc(problem)) if isinstance(problem, grpc.aio.AioRpcError) else problem

    async def leave(self) -> None:
        """See `Line`."""
        if not self._left:
            self._left = True
            await self._call.__aexit__(None, None, None)


class SocketLine:
    """Over the native WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.last: Any = None
        """The last message."""

    async def say(self, request: ConverseRequest) -> None:
        """See `Line`."""
        await self._socket.send_str(orjson.dumps(encode(request, sparse=True)).decode())

    async def finish(self) -> None:
        """See `Line`."""
        await self.say_raw('{"end": {}}')

    async def say_raw(self, text: str) -> None:
        """Says what need not be a request."""
        await self._socket.send_str(text)

    async def hear(self) -> SessionEvent:
        """See `Line`."""
        async with asyncio.timeout(SECONDS):
            frame = await self._socket.receive()
        if frame.type is WSMsgType.TEXT:
            value = orjson.loads(frame.data)
            if "end" in value or "error" in value:
                self.last = value
                return await self.hear()
            event: Any = decode(SessionEvent.DESCRIPTOR, value)
            return event
        assert self.last is not None, frame
        if "end" in self.last:
            assert self._socket.close_code == 1000
            raise Ended
        error: Any = decode(Error.DESCRIPTOR, self.last["error"])
        raise Ended(error)

    async def say_bytes(self, data: bytes) -> None:
        """Says what is no text."""
        await self._socket.send_bytes(data)

    @property
    def close_code(self) -> int | None:
        """With which the gateway closed."""
        return self._socket.close_code

    async def close_of_the_wire(self) -> int | None:
        """Waits for the gateway to close without a word, and gives its code."""
        async with asyncio.timeout(SECONDS):
            assert (await self._socket.receive()).type is WSMsgType.CLOSE
        return self._socket.close_code

    async def leave(self) -> None:
        """See `Line`."""
        connection: Any = self._socket
        connection._response.connection.transport.abort()  # aiohttp has no public way


@asynccontextmanager
async def websocket(
    gateway: Gateway,
    path: str = PATH,
    *,
    compress: int = 0,
    headers: Mapping[str, str] | None = None,
) -> AsyncGenerator[SocketLine]:
    """A conversation over a gateway's WebSocket; `compress` is the window of permessage-deflate."""
    async with (
        aiohttp.ClientSession(gateway.url) as http,
        http.ws_connect(path, headers=headers, max_msg_size=0, compress=compress) as socket,
    ):
        yield SocketLine(socket)


OVER: dict[str, Callable[[Service], Channel]] = {
    "grpc": lambda service: service.channel,
    "local": lambda service: service.local,
}
WIRES = (*OVER, "inside", "apart")


@asynccontextmanager
async def conversation(
    service: Service,
    wire: str,
    timeout: float | None = None,  # noqa: ASYNC109 - a call's deadline
) -> AsyncGenerator[Line]:
    """One over a wire of `WIRES`."""
    if wire in OVER:
        line = ChannelLine(OVER[wire](service), timeout)
        await line.open()
        try:
            yield line
        finally:
            await line.leave()
    else:
        headers = {} if timeout is None else {"x-request-timeout": str(timeout)}
        async with websocket(service.gateways[wire], headers=headers) as line:
            yield line


def raw_call(channel: grpc.aio.Channel) -> Any:
    """A `Converse` whose messages are bytes."""
    untyped: Any = channel
    return untyped.stream_stream("/funland.v1.SessionService/Converse")()


def reason(ended: Ended) -> str:
    """Why a conversation failed."""
    assert ended.error is not None
    return ErrorReason.Name(ended.error.reason)
