"""How the gateway reaches the server: over gRPC, or inside one process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any, Protocol

import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

Metadata = Sequence[tuple[str, str]]


class Channel(Protocol):
    """Calls RPCs by their descriptors.

    A call that fails raises `grpc.aio.AioRpcError`, whichever way it went, with a
    `google.rpc.Status` in its trailing metadata. `timeout` is in seconds; None means no deadline.
    """

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

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

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
