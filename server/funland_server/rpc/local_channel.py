"""Calls from inside of this process: they skip the wire, not the pipeline."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from grpc_status import rpc_status

from funland_server.rpc.pipeline import Call, CallFailed, Pipeline
from funland_server.rpc.request_ids import HEADER, request_id
from funland_server.rpc.status import grpc_code

Metadata = Sequence[tuple[str, str]]


class LocalChannel:
    """Calls RPCs by their descriptors, and fails as a channel to elsewhere does: with
    `grpc.aio.AioRpcError`. `timeout` is in seconds; None means no deadline."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline

    async def unary(
        self,
        method: MethodDescriptor,
        request: Message,
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - a call's deadline, as gRPC has it
    ) -> Message:
        """Calls a method that answers once."""
        call = Call(request_id(metadata), timeout, local=True)
        try:
            return await self._pipeline.unary(
                self._pipeline.method(method.full_name), request, call
            )
        except CallFailed as failed:
            raise _rpc_error(failed, call) from failed

    async def stream(
        self,
        method: MethodDescriptor,
        request: Message,
        metadata: Metadata,
        timeout: float | None,  # noqa: ASYNC109 - a call's deadline, as gRPC has it
    ) -> AsyncGenerator[Message]:
        """Calls a method that answers with a stream; closing the generator ends the call."""
        call = Call(request_id(metadata), timeout, local=True)
        answers = self._pipeline.stream(self._pipeline.method(method.full_name), request, call)
        try:
            async with aclosing(answers):
                async for answer in answers:
                    yield answer
        except CallFailed as failed:
            raise _rpc_error(failed, call) from failed


def _rpc_error(failed: CallFailed, call: Call) -> grpc.aio.AioRpcError:
    status = rpc_status.to_status(failed.status)
    return grpc.aio.AioRpcError(
        code=grpc_code(failed.status),
        initial_metadata=grpc.aio.Metadata(),
        trailing_metadata=grpc.aio.Metadata(
            (HEADER, call.request_id), *(status.trailing_metadata or ())
        ),
        details=failed.status.message,
    )
