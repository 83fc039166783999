"""Opens a channel to the server and makes calls on it whose failures are Funland's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TypeVar

import grpc
import grpc.aio

from funland_client.asynchronous.event_streams import AsyncEventStream
from funland_client.channel import CHANNEL_OPTIONS, default_address
from funland_client.flavours import AsyncPulled, async_sent
from funland_client.retries import Attempts
from funland_client.status import error_from_call

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class AsyncConnection:
    """A channel to the server.

    `timeout` is each call's deadline in seconds, all its attempts together; None: none. `retries`
    is how often a call that may pass is made again.
    """

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
        """Calls a method that answers once; `once` is for what must not be done twice.

        Cancelling the task cancels the call.
        """
        attempts = self.attempts(self.timeout, once=once)
        while True:
            try:
                return await method(request, timeout=attempts.seconds_left)
            except grpc.RpcError as error:
                failure = error_from_call(error, self.address)
                if (seconds := attempts.pause(failure)) is None:
                    raise failure from error
            await asyncio.sleep(seconds)

    async def send(
        self,
        method: grpc.aio.StreamUnaryMultiCallable[Request, Answer],
        messages: Iterator[Request],
    ) -> Answer:
        """Sends messages to a method that answers once. It is called once: an iterator can't begin
        again."""
        try:
            return await async_sent(method, AsyncPulled(messages), self.timeout)
        except grpc.RpcError as error:
            raise error_from_call(error, self.address) from error

    def stream(
        self,
        method: grpc.aio.UnaryStreamMultiCallable[Request, Answer],
        request: Request,
        *,
        endless: bool = False,
        once: bool = False,
    ) -> AsyncEventStream[Answer]:
        """Calls a method that answers with a stream; one that is `endless` has no deadline."""
        attempts = self.attempts(None if endless else self.timeout, once=once)
        return AsyncEventStream(
            lambda: method(request, timeout=attempts.seconds_left), self.address, attempts
        )

    def attempts(self, timeout: float | None = None, *, once: bool = False) -> Attempts:
        """Counts the attempts at one call, all of them within `timeout` seconds."""
        return Attempts(0 if once else self.retries, timeout)

    async def close(self) -> None:
        """Ends the calls in flight and the connection."""
        await self.channel.close()
