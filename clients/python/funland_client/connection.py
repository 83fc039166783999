"""Opens a channel to the server and makes calls on it whose failures are Funland's own."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Final, TypeVar

import grpc
import grpc.aio

from funland_client.retries import Attempts
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
    """A channel for blocking calls.

    `timeout` is each call's deadline in seconds, all its attempts together; None: none. `retries`
    is how often a call that may pass is made again.
    """

    def __init__(self, address: str | None, timeout: float | None, retries: int) -> None:
        self.address = address or default_address()
        self.timeout = timeout
        self.retries = retries
        self.channel = grpc.insecure_channel(self.address, CHANNEL_OPTIONS)

    def call(
        self,
        method: grpc.UnaryUnaryMultiCallable[Request, Answer],
        request: Request,
        *,
        once: bool = False,
    ) -> Answer:
        """Calls a method that answers once; `once` is for what must not be done twice."""
        attempts = Attempts(0 if once else self.retries, self.timeout)
        while True:
            try:
                return method(request, timeout=attempts.seconds_left)
            except grpc.RpcError as error:
                failure = error_from_call(error, self.address)
                if (seconds := attempts.pause(failure)) is None:
                    raise failure from error
            time.sleep(seconds)

    def stream(
        self,
        method: grpc.UnaryStreamMultiCallable[Request, Answer],
        request: Request,
        *,
        endless: bool = False,
        once: bool = False,
    ) -> EventStream[Answer]:
        """Calls a method that answers with a stream; one that is `endless` has no deadline."""
        attempts = Attempts(0 if once else self.retries, None if endless else self.timeout)
        return EventStream(
            lambda: method(request, timeout=attempts.seconds_left), self.address, attempts
        )

    def close(self) -> None:
        """Ends the calls in flight and the connection."""
        self.channel.close()


class AsyncConnection:
    """A channel for calls on an event loop; otherwise as `Connection`."""

    def __init__(self, address: str | None, timeout: float | None, retries: int) -> None:
        self.address = address or default_address()
        self.timeout = timeout
        self.retries = retries
        self.channel = grpc.aio.insecure_channel(self.address, CHANNEL_OPTIONS)

    async def call(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[Request, Answer],
        request: Request,
        *,
        once: bool = False,
    ) -> Answer:
        """As `Connection.call`. Cancelling the task cancels the call."""
        attempts = Attempts(0 if once else self.retries, self.timeout)
        while True:
            try:
                return await method(request, timeout=attempts.seconds_left)
            except grpc.RpcError as error:
                failure = error_from_call(error, self.address)
                if (seconds := attempts.pause(failure)) is None:
                    raise failure from error
            await asyncio.sleep(seconds)

    def stream(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Request, Answer],
        request: Request,
        *,
        endless: bool = False,
        once: bool = False,
    ) -> AsyncEventStream[Answer]:
        """Calls a method that answers with a stream; one that is `endless` has no deadline."""
        attempts = Attempts(0 if once else self.retries, None if endless else self.timeout)
        return AsyncEventStream(
            lambda: method(request, timeout=attempts.seconds_left), self.address, attempts
        )

    async def close(self) -> None:
        """Ends the calls in flight and the connection."""
        await self.channel.close()
