"""Streams of messages: started when they are made, ended when they are closed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Any, Generic, Protocol, Self, TypeVar, cast

import grpc
import grpc.aio

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

    def __init__(self, call: RunningCall[Event], address: str) -> None:
        self._call = call
        self._address = address
        self._over = False

    def __next__(self) -> Event:
        """Waits for the next message. Raises what `errors` names when the call fails."""
        if self._over:
            raise StopIteration
        try:
            return next(self._call)
        except StopIteration:
            self._over = True
            raise
        except grpc.RpcError as error:
            self._over = True
            raise error_from_call(error, self._address) from error

    def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._over = True
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

    def __init__(self, call: grpc.aio.UnaryStreamCall[Any, Event], address: str) -> None:
        self._call = call
        self._address = address
        self._over = False

    async def __anext__(self) -> Event:
        """Waits for the next message. Raises what `errors` names when the call fails."""
        if self._over:
            raise StopAsyncIteration
        try:
            message = await self._call.read()
        except grpc.RpcError as error:
            self._over = True
            raise error_from_call(error, self._address) from error
        if message is grpc.aio.EOF:
            self._over = True
            raise StopAsyncIteration
        return cast("Event", message)

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
