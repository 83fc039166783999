"""Calls the server on behalf of HTTP requests."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Final

import grpc.aio
from aiohttp import web
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from funland_gateway.channel import Channel, Metadata
from funland_gateway.failures import CallFailed, from_rpc, invalid_field
from funland_gateway.request_ids import HEADER, request_id

TIMEOUT_HEADER = "x-request-timeout"
_LONGEST_SECONDS = 365 * 24 * 3600
_WITH_FLOATS: Final = ("Embed", "Rerank")
"""Their answers have 32-bit floats, which numpy makes JSON of."""
_TO_MODELS: Final = "funland.v1.InferenceService"


class Calls:
    """The server's RPCs, with an HTTP request's id and deadline.

    The deadline is the header `x-request-timeout`, in seconds; without it there is none.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._numpy: asyncio.Task[Any] | None = None

    async def unary(
        self, request: web.Request, method: MethodDescriptor, message: Message
    ) -> Message:
        """Calls a method that answers once. Cancelling the task cancels the call.

        Raises `CallFailed`.
        """
        timeout = _timeout(request)
        self._get_ready(method)
        try:
            answer = await self._channel.unary(method, message, _metadata(request), timeout)
        except grpc.aio.AioRpcError as error:
            raise CallFailed(from_rpc(error)) from error
        if method.name in _WITH_FLOATS and self._numpy is not None:
            await asyncio.shield(self._numpy)
        return answer

    async def collect(
        self, request: web.Request, method: MethodDescriptor, messages: AsyncIterator[Message]
    ) -> Message:
        """Calls a method that takes a stream and answers once; otherwise as `unary`. What
        `messages` raises ends the call and is raised."""
        timeout = _timeout(request)
        try:
            return await self._channel.collect(method, messages, _metadata(request), timeout)
        except grpc.aio.AioRpcError as error:
            raise CallFailed(from_rpc(error)) from error

    @asynccontextmanager
    async def stream(
        self, request: web.Request, method: MethodDescriptor, message: Message
    ) -> AsyncGenerator[AsyncIterator[Message]]:
        """Calls a method that answers with a stream. Leaving the block cancels the call.

        Raises `CallFailed`, before the first message or after some.
        """
        timeout = _timeout(request)
        self._get_ready(method)
        try:
            async with self._channel.stream(
                method, message, _metadata(request), timeout
            ) as answers:
                yield answers
        except grpc.aio.AioRpcError as error:
            raise CallFailed(from_rpc(error)) from error

    @asynccontextmanager
    async def converse(
        self, request: web.Request, method: MethodDescriptor, messages: AsyncIterator[Message]
    ) -> AsyncGenerator[AsyncIterator[Message]]:
        """Calls a method that takes a stream and answers with one; otherwise as `stream`."""
        timeout = _timeout(request)
        try:
            async with self._channel.converse(
                method, messages, _metadata(request), timeout
            ) as answers:
                yield answers
        except grpc.aio.AioRpcError as error:
            raise CallFailed(from_rpc(error)) from error

    def _get_ready(self, method: MethodDescriptor) -> None:
        """Imports numpy beside the first call to a model, which that loads. Before, a server would
        give it a tenth of its memory for nothing; later, a call would wait for it."""
        if self._numpy is None and method.containing_service.full_name == _TO_MODELS:
            self._numpy = asyncio.create_task(asyncio.to_thread(import_module, "numpy"))


def _metadata(request: web.Request) -> Metadata:
    return ((HEADER, request_id(request)),)


def _timeout(request: web.Request) -> float | None:
    text = request.headers.get(TIMEOUT_HEADER)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise invalid_field(
            TIMEOUT_HEADER, f"must be a number of seconds over 0, at most {_LONGEST_SECONDS}"
        )
    return seconds
