"""A channel whose calls are traced: each is a span, which the server goes on with."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from funland_gateway.channel import Channel, Metadata
from funland_gateway.failures import from_rpc, reason_name
from funland_gateway.tracing import (
    CANCELLED,
    CLIENT,
    TRACEPARENT,
    TRACESTATE,
    Tracing,
)

_STATUS: Final = "rpc.response.status_code"
_CARRIED: Final = (TRACEPARENT, TRACESTATE)


class TracedChannel:
    """Has another's calls. Those of no request, which the gateway makes by itself, are no spans."""

    def __init__(self, channel: Channel, tracing: Tracing) -> None:
        self._channel = channel
        self._tracing = tracing

    async def check(self, method: MethodDescriptor, metadata: Metadata) -> Metadata:
        """See `Channel`; it is no span."""
        return await self._channel.check(method, metadata)

    async def unary(
        self,
        method: MethodDescriptor,
        request: Message,
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - it goes with the call, to the server
    ) -> Message:
        """See `Channel`."""
        with self._calling(method, metadata) as call:
            answer = await self._channel.unary(method, request, call.metadata, timeout)
            call.over()
            return answer

    async def collect(
        self,
        method: MethodDescriptor,
        requests: AsyncIterator[Message],
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - it goes with the call, to the server
    ) -> Message:
        """See `Channel`."""
        with self._calling(method, metadata) as call:
            answer = await self._channel.collect(method, requests, call.metadata, timeout)
            call.over()
            return answer

    @asynccontextmanager
    async def stream(
        self,
        method: MethodDescriptor,
        request: Message,
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - it goes with the call, to the server
    ) -> AsyncGenerator[AsyncIterator[Message]]:
        """See `Channel`."""
        with self._calling(method, metadata) as call:
            async with self._channel.stream(method, request, call.metadata, timeout) as answers:
                yield _to_the_end(answers, call)

    @asynccontextmanager
    async def converse(
        self,
        method: MethodDescriptor,
        requests: AsyncIterator[Message],
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - it goes with the call, to the server
    ) -> AsyncGenerator[AsyncIterator[Message]]:
        """See `Channel`."""
        with self._calling(method, metadata) as call:
            async with self._channel.converse(method, requests, call.metadata, timeout) as answers:
                yield _to_the_end(answers, call)

    @contextmanager
    def _calling(self, method: MethodDescriptor, metadata: Metadata) -> Generator[_Call]:
        carrier = [one for one in metadata if one[0] in _CARRIED]
        if not carrier:
            yield _Call(metadata)
            return
        name = f"{method.containing_service.full_name}/{method.name}"
        told = {"rpc.system.name": "grpc", "rpc.method": name}
        span = self._tracing.begin(name, kind=CLIENT, carrier=carrier, attributes=told)
        others = (one for one in metadata if one[0] not in _CARRIED)
        call = _Call((*others, *span.carrier))
        try:
            yield call
        except grpc.aio.AioRpcError as error:
            call.status, call.error = error.code().name, reason_name(from_rpc(error))
            raise
        finally:
            span.set({_STATUS: call.status})
            span.end(call.error, fault=call.error != CANCELLED)


class _Call:
    """A call that is under way. Whoever leaves it, in whatever way, cancels it."""

    def __init__(self, metadata: Metadata) -> None:
        self.metadata = metadata
        self.status = self.error = CANCELLED

    def over(self) -> None:
        """All of its answer has come."""
        self.status, self.error = "OK", ""


async def _to_the_end(answers: AsyncIterator[Message], call: _Call) -> AsyncGenerator[Message]:
    async for answer in answers:
        yield answer
    call.over()
