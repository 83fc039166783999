"""`TranscribeLive` over all that it can be called by, so that one test body holds for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias, cast

import aiohttp
import grpc
import grpc.aio
import orjson
from aiohttp import WSMsgType
from google.protobuf import json_format

from funland.v1.speech_pb2 import TranscribeLiveConfig, TranscribeLiveRequest, TranscriptEvent
from funland.v1.speech_pb2_grpc import SpeechServiceStub
from funland_gateway.app import Gateway
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from tests.e2e.wires import Refused, failed, refused
from tests.server.conftest import METHODS

PATH: Final = "/funland/v1/transcriptions:live"
Requests: TypeAlias = AsyncIterator[TranscribeLiveRequest]
Events: TypeAlias = AsyncGenerator[TranscriptEvent]
STATUS_LOST: Final = "STATUS_LOST"
"""The server ended the call just when the client wrote: grpc.aio then says that writing failed and
not how the call ended (findings/grpc_aio_status_lost_amid_sending.sh). The client that blocks tells
it always."""
Live: TypeAlias = Callable[[Requests], Events]
"""Calls it; raises Refused. Closing the generator ends the call without a word."""


@dataclass(frozen=True)
class Wires:
    """A server, and a gateway in its process."""

    server: Server
    gateway: Gateway

    def to(self, kind: str) -> Live:
        """The wire that is one of `KINDS`."""
        calls: dict[str, Live] = {
            "gRPC": self._grpc,
            "gRPC that blocks": self._blocking,
            "inside": self._inside,
            "WebSocket": partial(self._socket, raw=False),
            "WebSocket with bytes": partial(self._socket, raw=True),
        }
        return calls[kind]

    async def _grpc(self, requests: Requests) -> Events:
        async with grpc.aio.insecure_channel(self.server.address) as channel:
            stub: SpeechServiceStub = SpeechServiceStub(channel)
            call = stub.TranscribeLive(requests)
            try:
                async for event in call:
                    yield event
            except grpc.aio.AioRpcError as error:
                if "execute_batch" in (error.debug_error_string() or ""):
                    raise Refused(STATUS_LOST, [], "") from None
                raise refused(error) from None
            finally:
                call.cancel()

    async def _blocking(self, requests: Requests) -> Events:
        loop = asyncio.get_running_loop()
        asked: list[Future[TranscribeLiveRequest | None]] = []

        def saying() -> Iterator[TranscribeLiveRequest]:
            while True:
                asked[:] = [asyncio.run_coroutine_threadsafe(_next(requests), loop)]
                try:
                    request = asked[0].result()
                except CancelledError:  # the call is over
                    return
                if request is None:
                    return
                yield request

        with (
            grpc.insecure_channel(self.server.address) as channel,
            ThreadPoolExecutor(1) as reader,
        ):
            call = SpeechServiceStub(channel).TranscribeLive(saying())
            try:
                while (event := await loop.run_in_executor(reader, next, call, None)) is not None:
                    yield event
            except grpc.RpcError as error:
                raise refused(cast("grpc.Call", error)) from None  # each of a client's calls is one
            finally:
                call.cancel()
                for each in asked:
                    each.cancel()

    async def _inside(self, requests: Requests) -> Events:
        rpc = METHODS["TranscribeLive"]
        try:
            async with self.server.channel.converse(rpc, requests, (), None) as events:
                async for event in events:
                    assert isinstance(event, TranscriptEvent)
                    yield event
        except grpc.aio.AioRpcError as error:
            raise refused(error) from None

    async def _socket(self, requests: Requests, *, raw: bool) -> Events:
        async with (
            aiohttp.ClientSession(self.gateway.url) as http,
            http.ws_connect(PATH, max_msg_size=0) as socket,
        ):
            saying = asyncio.create_task(_say(socket, requests, raw=raw))
            try:
                async for message in socket:
                    assert message.type is WSMsgType.TEXT
                    told = orjson.loads(message.data)
                    if "error" in told:
                        raise failed(told["error"])
                    if told == {"end": {}}:
                        return
                    yield json_format.ParseDict(told, TranscriptEvent())
                raise AssertionError("it has no end")
            finally:
                saying.cancel()
                await asyncio.gather(saying, return_exceptions=True)


KINDS: Final = ("gRPC", "gRPC that blocks", "inside", "WebSocket", "WebSocket with bytes")


@asynccontextmanager
async def wires_to(server: Server) -> AsyncGenerator[Wires]:
    """All wires to a server."""
    gateway = Gateway(server.channel, GatewaySettings(port=0))
    await gateway.start()
    try:
        yield Wires(server, gateway)
    finally:
        await gateway.stop(0.01)


async def _next(requests: Requests) -> TranscribeLiveRequest | None:
    return await anext(requests, None)


async def _say(socket: aiohttp.ClientWebSocketResponse, requests: Requests, *, raw: bool) -> None:
    async for request in requests:
        if raw and request.HasField("audio"):
            await socket.send_bytes(request.audio)
        else:
            await socket.send_str(json_format.MessageToJson(request))
    await socket.send_str('{"end": {}}')


def config(**asked: object) -> TranscribeLiveRequest:
    """The first message."""
    return TranscribeLiveRequest(config=TranscribeLiveConfig(**asked))  # type: ignore[arg-type]  # the caller names fields


def sound(audio: bytes) -> TranscribeLiveRequest:
    """A piece of sound."""
    return TranscribeLiveRequest(audio=audio)


async def said(*messages: TranscribeLiveRequest) -> AsyncGenerator[TranscribeLiveRequest]:
    """All at once."""
    for message in messages:
        yield message


async def answer(live: Live, requests: Requests) -> list[TranscriptEvent]:
    """All that is told. Raises Refused."""
    async with asyncio.timeout(240), aclosing(live(requests)) as events:
        return [event async for event in events]


__all__ = [
    "KINDS", "STATUS_LOST", "Live", "Refused", "Wires", "answer", "config", "said",
    "sound", "wires_to",
]  # fmt: skip
