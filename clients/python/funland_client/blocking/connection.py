# Generated from ../asynchronous/connection.py by `make client`: edit that one.
"""Opens a channel to the server and makes calls on it whose failures are Funland's own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial
from os import PathLike
from typing import TypeVar

import grpc

from funland_client.blocking.event_streams import EventStream
from funland_client.channel import CHANNEL_OPTIONS, default_address, place_of, secured
from funland_client.credentials import Credentials
from funland_client.flavours import Pulled, renewed, sending, sent
from funland_client.kept_logins import KeptLogins
from funland_client.refreshing import next_token
from funland_client.replayed import Replayed
from funland_client.retries import Attempts
from funland_client.status import error_from_call

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class Connection:
    """A channel to the server.

    `timeout` is each call's deadline in seconds, all its attempts together; None: none. `retries`
    is how often a call that may pass is made again. `ca` is as `secured` has it, `key` as `chosen`
    of `credentials`.
    """

    def __init__(
        self,
        address: str | None,
        timeout: float | None,
        retries: int,
        ca: str | PathLike[str] | None = None,
        key: str | None = None,
    ) -> None:
        self.address = address or default_address()
        self.timeout = timeout
        self.retries = retries
        target, credentials = secured(self.address, ca)
        self.credentials = Credentials(
            key,
            place_of(self.address),
            encrypted=credentials is not None,
            refresh=partial(next_token, self.address, ca),
            logins=KeptLogins(),
        )
        self.channel = (
            grpc.insecure_channel(target, CHANNEL_OPTIONS)
            if credentials is None
            else grpc.secure_channel(target, credentials, CHANNEL_OPTIONS)
        )
        self.sending = sending(self.channel, target, credentials)

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
                return method(request, timeout=attempts.seconds_left, metadata=attempts.metadata)
            except grpc.RpcError as error:
                failure = error_from_call(error, self.address)
                if renewed(attempts, failure):
                    continue
                if (seconds := attempts.pause(failure)) is None:
                    raise failure from error
            time.sleep(seconds)

    def send(
        self,
        method: grpc.StreamUnaryMultiCallable[Request, Answer],
        messages: Iterator[Request],
    ) -> Answer:
        """Sends messages to a method of the channel `sending` that answers once. It is called once:
        an iterator can't begin again. Only where a login had expired, the little that was sent is
        sent again."""
        attempts = self.attempts(self.timeout, once=True)
        kept = Replayed(messages)
        while True:
            try:
                return sent(method, Pulled(kept.again()), attempts)
            except grpc.RpcError as error:
                failure = error_from_call(error, self.address)
                if not renewed(attempts, failure) or not kept.whole:
                    raise failure from error

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
            lambda: method(request, timeout=attempts.seconds_left, metadata=attempts.metadata),
            self.address,
            attempts,
        )

    def attempts(
        self, timeout: float | None = None, *, once: bool = False, sends: bool = False
    ) -> Attempts:
        """Counts the attempts at one call, all of them within `timeout` seconds. `sends` is as
        `Attempts` has it."""
        return Attempts(0 if once else self.retries, timeout, self.credentials, sends=sends)

    def close(self) -> None:
        """Ends the calls in flight and the connection."""
        self.sending.close()
        self.channel.close()
