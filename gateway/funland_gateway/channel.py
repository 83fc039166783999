"""How the gateway reaches the server: over gRPC, or inside one process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Final, Protocol

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from funland.v1 import access_pb2, auth_pb2
from funland.v1.access_pb2 import Access
from funland.v1.auth_pb2 import GetCurrentUserRequest

Metadata = Sequence[tuple[str, str]]

_WHO: Final = auth_pb2.DESCRIPTOR.services_by_name["AuthService"].methods_by_name["GetCurrentUser"]
_ONLY_CHECK: Final = "x-funland-check"
"""The server answers a call with it empty, if it would answer it at all."""
_RATE: Final = "x-ratelimit-"
_REFUSALS: Final = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
_FRESH_SECONDS: Final = 5.0
_SECONDS: Final = 10.0
_MOST: Final = 10_000


class Channel(Protocol):
    """Calls RPCs by their descriptors.

    A call that fails raises `grpc.aio.AioRpcError`, whichever way it went, with a
    `google.rpc.Status` in its trailing metadata. `timeout` is in seconds; None means no deadline.
    """

    async def check(self, method: MethodDescriptor, metadata: Metadata) -> Metadata:
        """Whether who is told of by the metadata may call a method, as far as that is known before
        the call; raises as a call that is refused for it. Gives `x-ratelimit-...` of their key, if
        it has such a limit."""
        ...

    async def unary(
        self,
        method: MethodDescriptor,
        request: Message,
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - it goes with the call, to the server
    ) -> Message:
        """Calls a method that answers once. Cancelling the task cancels the call."""
        ...

    async def collect(
        self,
        method: MethodDescriptor,
        requests: AsyncIterator[Message],
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - it goes with the call, to the server
    ) -> Message:
        """Calls a method that takes a stream and answers once; it asks for each request when it is
        ready for it. What `requests` raises cancels the call and is raised."""
        ...

    def stream(
        self, method: MethodDescriptor, request: Message, metadata: Metadata, timeout: float | None
    ) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Calls a method that answers with a stream. Leaving the block cancels the call."""
        ...

    def converse(
        self,
        method: MethodDescriptor,
        requests: AsyncIterator[Message],
        metadata: Metadata,
        timeout: float | None,
    ) -> AbstractAsyncContextManager[AsyncIterator[Message]]:
        """Calls a method that takes a stream and answers with one. It asks for each request when it
        is ready for it. Leaving the block cancels the call, whatever is still to be said."""
        ...


class GrpcChannel:
    """A `Channel` to a server elsewhere."""

    def __init__(
        self, channel: grpc.aio.Channel, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` tells seconds."""
        self._channel = channel
        self._clock = clock
        self._checked: dict[str, float] = {}
        """Until when who sent what is let through to the server, which looks again."""

    async def check(self, method: MethodDescriptor, metadata: Metadata) -> Metadata:
        """See `Channel`. That of an identity; whether it has the scope, the call itself tells."""
        if method.GetOptions().Extensions[access_pb2.access] == Access.OPEN:
            return ()
        who = next((value for name, value in metadata if name == "authorization"), "")
        if self._checked.get(who, 0.0) > self._clock():
            return ()
        ask: Any = self._channel.unary_unary(
            _path(_WHO), request_serializer=_serialize, response_deserializer=bytes
        )
        try:
            call = ask(
                GetCurrentUserRequest(), metadata=(*metadata, (_ONLY_CHECK, "1")), timeout=_SECONDS
            )
            await call
        except grpc.aio.AioRpcError as error:
            if error.code() in _REFUSALS:
                raise
            return ()  # what else is wrong, the call meets too
        trailing: Any = await call.trailing_metadata()
        if told := tuple((name, value) for name, value in trailing if name.startswith(_RATE)):
            return told  # which is another after each call
        if len(self._checked) >= _MOST:
            self._checked.clear()
        self._checked[who] = self._clock() + _FRESH_SECONDS
        return ()

    async def unary(
        self,
        method: MethodDescriptor,
        request: Message,
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - it goes with the call, to the server
    ) -> Message:
        """See `Channel`."""
        call: Any = self._channel.unary_unary(
            _path(method),
            request_serializer=_serialize,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        return await call(request, metadata=tuple(metadata), timeout=timeout)

    async def collect(
        self,
        method: MethodDescriptor,
        requests: AsyncIterator[Message],
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - it goes with the call, to the server
    ) -> Message:
        """See `Channel`."""
        start: Any = self._channel.stream_unary(
            _path(method),
            request_serializer=_serialize,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        call = start(metadata=tuple(metadata), timeout=timeout)
        speaking = asyncio.create_task(_speak(call, requests))
        answer = asyncio.create_task(_answer(call))
        try:
            await asyncio.wait({speaking, answer}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                await speaking
            return await answer
        finally:
            speaking.cancel()
            call.cancel()
            await asyncio.gather(speaking, answer, return_exceptions=True)

    @asynccontextmanager
    async def stream(
        self,
        method: MethodDescriptor,
        request: Message,
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - it goes with the call, to the server
    ) -> AsyncGenerator[AsyncIterator[Message]]:
        """See `Channel`."""
        start: Any = self._channel.unary_stream(
            _path(method),
            request_serializer=_serialize,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        call = start(request, metadata=tuple(metadata), timeout=timeout)
        try:
            yield aiter(call)
        finally:
            call.cancel()

    @asynccontextmanager
    async def converse(
        self,
        method: MethodDescriptor,
        requests: AsyncIterator[Message],
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - it goes with the call, to the server
    ) -> AsyncGenerator[AsyncIterator[Message]]:
        """See `Channel`."""
        start: Any = self._channel.stream_stream(
            _path(method),
            request_serializer=_serialize,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        call = start(metadata=tuple(metadata), timeout=timeout)
        # grpc's own task for this would wait for requests even when the call is over.
        speaking = asyncio.create_task(_speak(call, requests))
        try:
            yield aiter(call)
        finally:
            speaking.cancel()
            call.cancel()
            await asyncio.gather(speaking, return_exceptions=True)


async def _speak(call: Any, requests: AsyncIterator[Message]) -> None:
    """Sends the requests until there are no more, or the call is over: its reader is told why."""
    with suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
        async for request in requests:
            await call.write(request)
        await call.done_writing()


async def _answer(call: Any) -> Message:
    return await call


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
