"""Calls from inside of this process: they skip the wire, not the pipeline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from funland_server.rpc.pipeline import Call, CallFailed, Pipeline
from funland_server.rpc.request_ids import request_id
from funland_server.rpc.status import to_grpc
from funland_server.tracing.carrying import carried

Metadata = Sequence[tuple[str, str]]

CLIENT_ADDRESS = "x-client-address"
"""The metadata by which a gateway in this process tells where its own client is. From others it is
passed over: anyone could say it."""


class LocalChannel:
    """Calls RPCs by their descriptors, and fails as a channel to elsewhere does: with
    `grpc.aio.AioRpcError`. `timeout` is in seconds; None means no deadline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def check(self, method: MethodDescriptor, metadata: Metadata) -> Metadata:
        """Whether a method may be called with what is said of the caller, and the caller's limits,
        if there are any."""
        call = _call(metadata, None)
        try:
            return await self._pipeline.check(self._pipeline.method(method.full_name), call)
        except CallFailed as failed:
            raise _rpc_error(failed, call) from failed

    async def unary(
        self,
        method: MethodDescriptor,
        request: Message,
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - a call's deadline, as gRPC has it
    ) -> Message:
        """Calls a method that answers once."""
        call = _call(metadata, timeout)
        try:
            return await self._pipeline.unary(
                self._pipeline.method(method.full_name), request, call
            )
        except CallFailed as failed:
            raise _rpc_error(failed, call) from failed

    async def collect(
        self,
        method: MethodDescriptor,
        requests: AsyncIterator[Message],
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - a call's deadline, as gRPC has it
    ) -> Message:
        """Calls a method that takes a stream and answers once; the end of `requests` tells it that
        no more come. What `requests` raises ends the call and is raised."""
        call = _call(metadata, timeout)
        heard: asyncio.Queue[Message | None] = asyncio.Queue(1)
        answer = asyncio.create_task(
            self._pipeline.collect(
                self._pipeline.method(method.full_name), _until_none(heard), call
            )
        )
        saying = asyncio.create_task(_say(requests, heard))
        try:
            await asyncio.wait({answer, saying}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():
                await saying
            return await answer
        except CallFailed as failed:
            raise _rpc_error(failed, call) from failed
        finally:
            saying.cancel()
            answer.cancel()
            await asyncio.gather(saying, answer, return_exceptions=True)

    @asynccontextmanager
    async def stream(
        self,
        method: MethodDescriptor,
        request: Message,
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - a call's deadline, as gRPC has it
    ) -> AsyncGenerator[AsyncIterator[Message]]:
        """Calls a method that answers with a stream; leaving the block ends the call."""
        call = _call(metadata, timeout)
        answers = self._pipeline.stream(self._pipeline.method(method.full_name), request, call)
        async with _heard(answers, call):
            yield answers

    @asynccontextmanager
    async def converse(
        self,
        method: MethodDescriptor,
        requests: AsyncIterator[Message],
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - a call's deadline, as gRPC has it
    ) -> AsyncGenerator[AsyncIterator[Message]]:
        """Calls a method that takes a stream and answers with one; the end of `requests` tells it
        that no more come, and leaving the block ends the call."""
        call = _call(metadata, timeout)
        answers = self._pipeline.converse(self._pipeline.method(method.full_name), requests, call)
        async with _heard(answers, call):
            yield answers


def _call(metadata: Metadata, timeout: float | None) -> Call:
    said = dict(metadata)
    return Call(
        request_id(metadata),
        timeout,
        local=True,
        authorization=said.get("authorization", ""),
        address=said.get(CLIENT_ADDRESS, ""),
        trace=carried(said),
    )


async def _say(requests: AsyncIterator[Message], heard: asyncio.Queue[Message | None]) -> None:
    async for request in requests:
        await heard.put(request)
    await heard.put(None)


async def _until_none(heard: asyncio.Queue[Message | None]) -> AsyncGenerator[Message]:
    while (request := await heard.get()) is not None:
        yield request


@asynccontextmanager
async def _heard(answers: AsyncGenerator[Message], call: Call) -> AsyncGenerator[None]:
    """While a stream is read: it is closed at the end, and fails as one from elsewhere does."""
    try:
        async with aclosing(answers):
            yield
    except CallFailed as failed:
        raise _rpc_error(failed, call) from failed


def _rpc_error(failed: CallFailed, call: Call) -> grpc.aio.AioRpcError:
    status = to_grpc(failed.status, call.request_id)
    return grpc.aio.AioRpcError(
        code=status.code,
        initial_metadata=grpc.aio.Metadata(),
        trailing_metadata=grpc.aio.Metadata(*status.trailing_metadata),
        details=status.details,
    )
