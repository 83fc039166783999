"""What waiting means on an event loop and in a thread: all that is written for both by hand.

The rest is written for event loops, in `asynchronous`, and `blocking` is generated from it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Iterator
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
    """Waits for the next message; None after the last, and when another task ends the call."""
    try:
        message = await call.read()
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return None  # It is the call that was cancelled, not who waits for it.
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


class AsyncOutbox(AsyncIterator[Event]):
    """What is to be sent over a call, in the order in which it was put."""

    def __init__(self) -> None:
        self._messages = asyncio.Queue[Event | None]()

    def put(self, message: Event) -> None:
        """Sends a message as soon as the call takes it."""
        self._messages.put_nowait(message)

    def close(self) -> None:
        """Ends what is sent after the messages that were put."""
        self._messages.put_nowait(None)

    async def __anext__(self) -> Event:
        """Waits for the next message, for the call that sends it."""
        message = await self._messages.get()
        if message is None:
            raise StopAsyncIteration
        return message


class Outbox(Iterator[Event]):
    """As `AsyncOutbox`. A thread of gRPC's waits for its messages until it is closed."""

    def __init__(self) -> None:
        self._messages = queue.SimpleQueue[Event | None]()

    def put(self, message: Event) -> None:
        """As `AsyncOutbox.put`."""
        self._messages.put(message)

    def close(self) -> None:
        """As `AsyncOutbox.close`."""
        self._messages.put(None)

    def __next__(self) -> Event:
        """As `AsyncOutbox.__anext__`."""
        message = self._messages.get()
        if message is None:
            raise StopIteration
        return message
