"""What waiting means on an event loop and in a thread: all that is written for both by hand.

The rest is written for event loops, in `asynchronous`, and `blocking` is generated from it.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Protocol, TypeVar, cast

import grpc.aio

Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)


class AsyncRunningCall(Protocol[Event_co]):
    """A call of gRPC's asynchronous flavour that still answers."""

    async def read(self) -> Event_co | object:
        """Waits for the next message; gives `grpc.aio.EOF` after the last."""
        ...

    def cancel(self) -> Any:
        """Ends the call."""
        ...


class RunningCall(Protocol[Event_co]):
    """A call of gRPC's blocking flavour that still answers."""

    def __next__(self) -> Event_co:
        """Waits for the next message."""
        ...

    def cancel(self) -> Any:
        """Ends the call."""
        ...


async def async_next_message(call: AsyncRunningCall[Event]) -> Event | None:
    """Waits for the next message; None after the last."""
    message = await call.read()
    return None if message is grpc.aio.EOF else cast("Event", message)


def next_message(call: RunningCall[Event]) -> Event | None:
    """As `async_next_message`."""
    try:
        return next(call)
    except StopIteration:
        return None


class AsyncEnd(asyncio.Event):
    """Whether a stream is over. Another task may end it."""

    async def comes_within(self, seconds: float) -> bool:
        """Waits so long, or until the end; tells which of them came first."""
        try:
            async with asyncio.timeout(seconds):
                return await self.wait()
        except TimeoutError:
            return False


class End(threading.Event):
    """Whether a stream is over. Another thread may end it."""

    def comes_within(self, seconds: float) -> bool:
        """As `AsyncEnd.comes_within`."""
        return self.wait(seconds)
