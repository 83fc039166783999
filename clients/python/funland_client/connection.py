"""Opens a channel to the server and makes calls on it whose failures are Funland's own."""

from __future__ import annotations

import os
from typing import Final, TypeVar

import grpc
import grpc.aio

from funland_client.status import error_from_call
from funland_client.streams import AsyncEventStream, EventStream

DEFAULT_ADDRESS: Final = "127.0.0.1:50051"
ADDRESS_VARIABLE: Final = "FUNLAND_SERVER"

CHANNEL_OPTIONS: Final = (
    # A machine's HTTP proxy is for the web: sent through it, a call to 127.0.0.1 never arrives.
    ("grpc.enable_http_proxy", 0),
    # The server bounds what it sends; 2,048 embeddings are larger than gRPC's usual 4 MiB.
    ("grpc.max_receive_message_length", -1),
)

Request = TypeVar("Request")
Answer = TypeVar("Answer")


def default_address() -> str:
    """The server's address as the environment names it, else where `funland serve` listens."""
    return os.environ.get(ADDRESS_VARIABLE) or DEFAULT_ADDRESS


class Connection:
    """A channel for blocking calls. `timeout` is each call's deadline in seconds; None: none."""

    def __init__(self, address: str | None, timeout: float | None) -> None:
        self.address = address or default_address()
        self.timeout = timeout
        self.channel = grpc.insecure_channel(self.address, CHANNEL_OPTIONS)

    def call(
        self, method: grpc.UnaryUnaryMultiCallable[Request, Answer], request: Request
    ) -> Answer:
        """Calls a method that answers once."""
        try:
            return method(request, timeout=self.timeout)
        except grpc.RpcError as error:
            raise error_from_call(error, self.address) from error

    def stream(
        self,
        method: grpc.UnaryStreamMultiCallable[Request, Answer],
        request: Request,
        *,
        endless: bool = False,
    ) -> EventStream[Answer]:
        """Calls a method that answers with a stream; one that is `endless` has no deadline."""
        call = method(request, timeout=None if endless else self.timeout)
        return EventStream(call, self.address)

    def close(self) -> None:
        """Ends the calls in flight and the connection."""
        self.channel.close()


class AsyncConnection:
    """A channel for calls on an event loop; otherwise as `Connection`."""

    def __init__(self, address: str | None, timeout: float | None) -> None:
        self.address = address or default_address()
        self.timeout = timeout
        self.channel = grpc.aio.insecure_channel(self.address, CHANNEL_OPTIONS)

    async def call(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Answer], request: Request
    ) -> Answer:
        """Calls a method that answers once. Cancelling the task cancels the call."""
        try:
            return await method(request, timeout=self.timeout)
        except grpc.RpcError as error:
            raise error_from_call(error, self.address) from error

    def stream(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Request, Answer],
        request: Request,
        *,
        endless: bool = False,
    ) -> AsyncEventStream[Answer]:
        """Calls a method that answers with a stream; one that is `endless` has no deadline."""
        call = method(request, timeout=None if endless else self.timeout)
        return AsyncEventStream(call, self.address)

    async def close(self) -> None:
        """Ends the calls in flight and the connection."""
        await self.channel.close()
