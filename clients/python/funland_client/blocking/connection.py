# Generated from ../asynchronous/connection.py by `make client`: edit that one.
"""Opens a channel to the server and makes calls on it whose failures are Funland's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TypeVar

import grpc

from funland_client.blocking.event_streams import EventStream
from funland_client.channel import CHANNEL_OPTIONS, default_address
from funland_client.flavours import Pulled, sent
from funland_client.retries import Attempts
from funland_client.status import error_from_call

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Connection:
    """A channel to the server.

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
        attempts = self.attempts(self.timeout, once=once)
        while True:
            try:
                return method(request, timeout=attempts.seconds_left)
            except grpc.RpcError as error:
                failure = error_from_call(error, self.address)
                if (seconds := attempts.pause(failure)) is None:
                    raise failure from error
            time.sleep(seconds)

    def send(
        self,
        method: grpc.StreamUnaryMultiCallable[Request, Answer],
        messages: Iterator[Request],
    ) -> Answer:
        """Sends messages to a method that answers once. It is called once: an iterator can't begin
        again."""
        try:
            return sent(method, Pulled(messages), self.timeout)
        except grpc.RpcError as error:
            raise error_from_call(error, self.address) from error

    def stream(
        self,
        method: grpc.UnaryStreamMultiCallable[Request, Answer],
        request: Request,
        *,
        endless: bool = False,
        once: bool = False,
    ) -> EventStream[Answer]:
        """Calls a method that answers with a stream; one that is `endless` has no deadline."""
        attempts = self.attempts(None if endless else self.timeout, once=once)
        return EventStream(
            lambda: method(request, timeout=attempts.seconds_left), self.address, attempts
        )

    def attempts(self, timeout: float | None = None, *, once: bool = False) -> Attempts:
        """Counts the attempts at one call, all of them within `timeout` seconds."""
        return Attempts(0 if once else self.retries, timeout)

    def close(self) -> None:
        """Ends the calls in flight and the connection."""
        self.channel.close()
