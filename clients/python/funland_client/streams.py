"""Streams of messages: started when they are made, ended when they are closed.

A call that fails before its first message is made again, as `retries` has it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

import grpc
import grpc.aio

from funland_client.retries import Attempts
from funland_client.status import error_from_call

Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)


class RunningCall(Protocol[Event_co]):
    """A call of gRPC's blocking flavour that still answers."""

    def __next__(self) -> Event_co:
        """Waits for the next message."""
        ...

    def cancel(self) -> Any:
        """Ends the call."""
        ...


class EventStream(Iterator[Event]):
    """Iterates over a call's messages. Leaving its `with` block ends the call if it still runs."""

    def __init__(
        self, start: Callable[[], RunningCall[Event]], address: str, attempts: Attempts
    ) -> None:
        self._start = start
        self._address = address
        self._attempts = attempts
        self._begun = False
        self._over = threading.Event()  # Another thread may close it.
        self._call = start()

    def __next__(self) -> Event:
        """Waits for the next message. Raises what `errors` names when the call fails."""
        while not self._over.is_set():
            try:
                message = next(self._call)
            except StopIteration:
                self._over.set()
            except grpc.RpcError as error:
                self._retry(error)
            else:
                self._begun = True
                return message
        raise StopIteration

    def _retry(self, error: grpc.RpcError) -> None:
        """Makes the call again after a while; raises what `error` means if it is not to be."""
        failure = error_from_call(error, self._address)
        seconds = None if self._begun else self._attempts.pause(failure)
        if seconds is None:
            self._over.set()
            raise failure from error
        if not self._over.wait(seconds):
            self._call = self._start()

    def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._over.set()
        self._call.cancel()

    def __enter__(self) -> Self:
        """Gives itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes itself."""
        self.close()


class AsyncEventStream(AsyncIterator[Event], Generic[Event]):
    """As `EventStream`, on an event loop."""

    def __init__(
        self,
        start: Callable[[], grpc.aio.UnaryStreamCall[Any, Event]],
        address: str,
        attempts: Attempts,
    ) -> None:
        self._start = start
        self._address = address
        self._attempts = attempts
        self._begun = False
        self._over = False
        self._call = start()

    async def __anext__(self) -> Event:
        """Waits for the next message. Raises what `errors` names when the call fails."""
        while not self._over:
            try:
                message = await self._call.read()
            except grpc.RpcError as error:
                await self._retry(error)
                continue
            if message is not grpc.aio.EOF:
                self._begun = True
                return cast("Event", message)
            self._over = True
        raise StopAsyncIteration

    async def _retry(self, error: grpc.RpcError) -> None:
        """Makes the call again after a while; raises what `error` means if it is not to be."""
        failure = error_from_call(error, self._address)
        seconds = None if self._begun else self._attempts.pause(failure)
        if seconds is None:
            self._over = True
            raise failure from error
        await asyncio.sleep(seconds)
        if not self._over:
            self._call = self._start()

    async def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._over = True
        self._call.cancel()

    async def __aenter__(self) -> Self:
        """Gives itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes itself."""
        await self.close()
