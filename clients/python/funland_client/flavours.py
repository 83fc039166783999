"""What waiting means on an event loop and in a thread: all that is written for both by hand.

The rest is written for event loops, in `asynchronous`, and `blocking` is generated from it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final, Protocol, TypeVar, cast

import grpc.aio

Event = TypeVar("Event")
Request = TypeVar("Request")
Answer = TypeVar("Answer")
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


class AsyncPulled(AsyncIterator[Event]):
    """What an iterator gives, for a call that sends it; it is asked in a thread, as it may block.

    `error` is what kept it from giving all.
    """

    _END: Final = object()

    def __init__(self, source: Iterator[Event]) -> None:
        self._source = source
        self.error: Exception | None = None

    async def __anext__(self) -> Event:
        """The next one. An error ends the call."""
        try:
            event = await asyncio.to_thread(next, self._source, self._END)
        except Exception as error:
            self.error = error
            raise
        if event is self._END:
            raise StopAsyncIteration
        return cast("Event", event)


async def async_sent(
    method: grpc.aio.StreamUnaryMultiCallable[Request, Answer],
    messages: AsyncPulled[Request],
    timeout: float | None,  # noqa: ASYNC109 - gRPC's own
) -> Answer:
    """Sends messages and waits for the answer; raises what kept one of them from being made."""
    try:
        return await method(messages, timeout=timeout)
    except (grpc.RpcError, asyncio.CancelledError):
        # A call whose messages can't be made is cancelled by gRPC, which does not say why.
        if messages.error is not None:
            raise messages.error from None
        raise


class Pulled(Iterator[Event]):
    """As `AsyncPulled`, asked in a thread of gRPC's."""

    def __init__(self, source: Iterator[Event]) -> None:
        self._source = source
        self._started = threading.Event()
        self._cancel: Callable[[], object] | None = None
        self.error: Exception | None = None

    def started(self, cancel: Callable[[], object]) -> None:
        """Tells how to end the call that sends it."""
        self._cancel = cancel
        self._started.set()

    def __next__(self) -> Event:
        """As `AsyncPulled.__anext__`."""
        try:
            return next(self._source)
        except StopIteration:
            raise
        except Exception as error:
            self.error = error
            self._started.wait()
            if self._cancel is not None:
                self._cancel()
            raise StopIteration from None  # gRPC would log the error, which `sent` raises.


def sent(
    method: grpc.StreamUnaryMultiCallable[Request, Answer],
    messages: Pulled[Request],
    timeout: float | None,
) -> Answer:
    """As `async_sent`."""
    call = method.future(messages, timeout=timeout)
    messages.started(call.cancel)
    try:
        return call.result()
    except BaseException:
        call.cancel()
        if messages.error is not None:
            raise messages.error from None
        raise
