"""Calls the server on behalf of HTTP requests."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Final

import grpc.aio
from aiohttp import web
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from funland.v1 import auth_pb2
from funland_gateway.channel import Channel, Metadata
from funland_gateway.failures import CallFailed, from_rpc, invalid_field
from funland_gateway.request_ids import HEADER, request_id
from funland_gateway.tracing import CARRIER, carried

TIMEOUT_HEADER = "x-request-timeout"
LIMITS = web.RequestKey("limits", Sequence[tuple[str, str]])
"""What the answer says of the limits of the caller's key, as headers."""
AUTHORIZATION: Final = "authorization"
CLIENT_ADDRESS: Final = "x-client-address"
GATEWAY: Final = "x-funland-gateway"
"""Shows a server elsewhere that the client's address may be believed."""
PROTOCOL: Final = "funland"
"""The subprotocol of WebSockets; who names none gets none."""
BEARER: Final = "funland.bearer."
"""Begins the subprotocol that is a token or a key; it is never echoed."""
_PRINTABLE: Final = re.compile(r"[ -~]{1,8192}")
_LONGEST_SECONDS = 365 * 24 * 3600
_WITH_FLOATS: Final = ("Embed", "Rerank")
"""Their answers have 32-bit floats, which numpy makes JSON of."""
_ANY: Final = auth_pb2.DESCRIPTOR.services_by_name["AuthService"].methods_by_name["GetCurrentUser"]
"""A method that needs an identity and nothing more."""
_TO_MODELS: Final = "funland.v1.InferenceService"


class Calls:
    """The server's RPCs, with an HTTP request's id and deadline.

    The deadline is the header `x-request-timeout`, in seconds; without it there is none.
    """

    def __init__(self, channel: Channel, own: str = "") -> None:
        """`own` is what a gateway alone shows with each call, beside what its client does."""
        self._channel = channel
        self._own = ((GATEWAY, own),) if own else ()
        self._numpy: asyncio.Task[Any] | None = None

    async def admit(self, request: web.Request, method: MethodDescriptor | None = None) -> None:
        """Makes sure, before a request is read, that its sender may call a method; without one,
        that it is known who they are. Raises `CallFailed`."""
        try:
            request[LIMITS] = await self._channel.check(method or _ANY, self._metadata(request))
        except grpc.aio.AioRpcError as error:
            raise CallFailed(from_rpc(error)) from error

    async def unary(
        self, request: web.Request, method: MethodDescriptor, message: Message
    ) -> Message:
        """Calls a method that answers once. Cancelling the task cancels the call.

        Raises `CallFailed`.
        """
        timeout = _timeout(request)
        self._get_ready(method)
        try:
            answer = await self._channel.unary(method, message, self._metadata(request), timeout)
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
            return await self._channel.collect(method, messages, self._metadata(request), timeout)
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
                method, message, self._metadata(request), timeout
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
                method, messages, self._metadata(request), timeout
            ) as answers:
                yield answers
        except grpc.aio.AioRpcError as error:
            raise CallFailed(from_rpc(error)) from error

    def _metadata(self, request: web.Request) -> Metadata:
        return (*_metadata(request), *self._own)

    def _get_ready(self, method: MethodDescriptor) -> None:
        """Imports numpy beside the first call to a model, which that loads. Before, a server would
        give it a tenth of its memory for nothing; later, a call would wait for it."""
        if self._numpy is None and method.containing_service.full_name == _TO_MODELS:
            self._numpy = asyncio.create_task(asyncio.to_thread(import_module, "numpy"))


def _metadata(request: web.Request) -> Metadata:
    """The request's id, and who sends it. gRPC takes no values but of printable ASCII; what holds
    other characters is no token or key, which the server is to say."""
    said = [(HEADER, request_id(request))]
    # Of a trace that nobody here keeps, the server may.
    said.extend(known if (known := request.get(CARRIER)) is not None else carried(request.headers))
    if request.remote:
        said.append((CLIENT_ADDRESS, request.remote))
    if given := authorization(request):
        said.append((AUTHORIZATION, given if _PRINTABLE.fullmatch(given) else "?"))
    return tuple(said)


def authorization(request: web.Request) -> str:
    """As the header of that name has it; else as `x-api-key`, which some clients send instead; else
    as a WebSocket's protocols, for pages, which can say nothing more."""
    if (said := request.headers.get("Authorization")) is not None:
        return said
    if key := request.headers.get("X-Api-Key"):
        return f"Bearer {key}"
    token = next((one for one in subprotocols(request) if one.startswith(BEARER)), "")
    return f"Bearer {token.removeprefix(BEARER)}" if token else ""


def subprotocols(request: web.Request) -> list[str]:
    """What a client that opens a WebSocket offers to speak."""
    said = ",".join(request.headers.getall("Sec-WebSocket-Protocol", ()))
    return [one.strip() for one in said.split(",") if one.strip()]


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
