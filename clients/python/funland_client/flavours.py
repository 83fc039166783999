"""What waiting means on an event loop and in a thread: all that is written for both by hand.

The rest is written for event loops, in `asynchronous`, and `blocking` is generated from it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any, Protocol, TypeVar, cast

import grpc
import grpc.aio

from funland_client.channel import CHANNEL_OPTIONS
from funland_client.errors import FunlandError
from funland_client.retries import Attempts

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


async def async_off_the_loop(work: Callable[[], Answer]) -> Answer:
    """Does what waits for files and servers; cancelling the task leaves it to its end."""
    return await asyncio.to_thread(work)


def off_the_loop(work: Callable[[], Answer]) -> Answer:
    """As `async_off_the_loop`."""
    return work()


async def async_renewed(attempts: Attempts, error: FunlandError) -> bool:
    """Whether a call failed for a login that had expired and was made new, so that it is to be
    made again. Raises what the server says of a login that is over."""
    if not attempts.may_renew(error):
        return False
    return await async_off_the_loop(lambda: attempts.renew(error))


def renewed(attempts: Attempts, error: FunlandError) -> bool:
    """As `async_renewed`."""
    return attempts.may_renew(error) and attempts.renew(error)


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


class Pulled(Iterator[Event]):
    """What an iterator gives, for a call that sends it; it is asked in a thread of gRPC's.

    `error` is what kept it from giving all.
    """

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
        """The next one. An error ends the call."""
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


def async_sending(
    _: grpc.aio.Channel, target: str, credentials: grpc.ChannelCredentials | None
) -> grpc.Channel:
    """The channel of calls that send many messages and answer once: one of gRPC's blocking flavour.

    A server that refuses such a call amid a message is heard there. In the other flavour it is
    not: the call fails with INTERNAL because the message did not arrive.
    """
    if credentials is None:
        return grpc.insecure_channel(target, CHANNEL_OPTIONS)
    return grpc.secure_channel(target, credentials, CHANNEL_OPTIONS)


def sending(
    channel: grpc.Channel, _target: str, _credentials: grpc.ChannelCredentials | None
) -> grpc.Channel:
    """As `async_sending`."""
    return channel


async def async_sent(
    method: grpc.StreamUnaryMultiCallable[Request, Answer],
    messages: Pulled[Request],
    attempts: Attempts,
) -> Answer:
    """Sends messages and waits for the answer; raises what kept one of them from being made."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def tell(_: object) -> None:
        with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            loop.call_soon_threadsafe(ended.set)

    call = method.future(messages, timeout=attempts.seconds_left, metadata=attempts.metadata)
    messages.started(call.cancel)
    call.add_done_callback(tell)
    try:
        await ended.wait()
        return call.result()
    except BaseException:
        call.cancel()
        if messages.error is not None:
            raise messages.error from None
        raise


def sent(
    method: grpc.StreamUnaryMultiCallable[Request, Answer],
    messages: Pulled[Request],
    attempts: Attempts,
) -> Answer:
    """As `async_sent`."""
    call = method.future(messages, timeout=attempts.seconds_left, metadata=attempts.metadata)
    messages.started(call.cancel)
    try:
        return call.result()
    except BaseException:
        call.cancel()
        if messages.error is not None:
            raise messages.error from None
        raise
