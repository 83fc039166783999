"""What a call sends, kept for as long as the call may have to be made again.

A server refuses an expired login before it reads anything, so that little was sent by then. What
is larger than `KEPT_BYTES` is kept no more: the call can't be made again after that.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Final, Generic, TypeVar, cast

from google.protobuf.message import Message

Sent = TypeVar("Sent")
"""A message; gRPC's own types don't say so."""

KEPT_BYTES: Final = 4 << 20


class _Kept(Generic[Sent]):
    """The messages so far, and how they ended."""

    def __init__(self) -> None:
        self._messages: list[Sent] = []
        self._bytes = 0
        self._error: Exception | None = None
        self._ended = False
        self.whole = True
        """Whether a call with them can be made again."""

    def _keep(self, message: Sent) -> None:
        self._bytes += cast("Message", message).ByteSize()
        if self.whole and self._bytes <= KEPT_BYTES:
            self._messages.append(message)
            return
        self.whole = False
        self._messages.clear()

    def _end(self, error: Exception | None) -> None:
        self._ended, self._error = True, error


class Replayed(_Kept[Sent]):
    """The messages of an iterator, for one call after the other."""

    def __init__(self, source: Iterator[Sent]) -> None:
        super().__init__()
        self._source = source
        # The thread of a call that was refused may still wait for the next message.
        self._lock = threading.Lock()

    def again(self) -> Iterator[Sent]:
        """Gives all messages; of those that are to come each to one call alone."""
        place = 0
        while True:
            with self._lock:
                if place < len(self._messages):
                    message = self._messages[place]
                elif (pulled := self._pull()) is None:
                    return
                else:
                    message = pulled
            place += 1
            yield message

    def close(self) -> None:
        """Ends what waits for the next message; a thread's wait can't be ended."""

    def _pull(self) -> Sent | None:
        if self._ended:
            if self._error is not None:
                raise self._error
            return None
        try:
            message = next(self._source)
        except StopIteration:
            self._end(None)
            return None
        except Exception as error:
            self._end(error)
            raise
        self._keep(message)
        return message


class AsyncReplayed(_Kept[Sent]):
    """As `Replayed`."""

    def __init__(self, source: AsyncIterator[Sent]) -> None:
        super().__init__()
        self._source: AsyncIterator[Sent] | None = source
        self._pulling: asyncio.Task[Sent | None] | None = None

    async def again(self) -> AsyncIterator[Sent]:
        """As `Replayed.again`."""
        place = 0
        while True:
            if place < len(self._messages):
                message = self._messages[place]
            elif (pulled := await self._next()) is None:
                return
            else:
                message = pulled
            place += 1
            yield message

    def close(self) -> None:
        """Ends what waits for the next message."""
        if self._pulling is not None:
            self._pulling.cancel()
        self._end(None)
        self._source = None  # a generator ends when nobody has it

    async def _next(self) -> Sent | None:
        # A call that was refused is cancelled, and what it waited for is the next one's.
        if self._pulling is None or self._pulling.done():
            self._pulling = asyncio.create_task(self._pull())
        return await asyncio.shield(self._pulling)

    async def _pull(self) -> Sent | None:
        if self._ended or self._source is None:
            if self._error is not None:
                raise self._error
            return None
        try:
            message = await anext(self._source)
        except StopAsyncIteration:
            self._end(None)
            return None
        except Exception as error:
            self._end(error)
            raise
        self._keep(message)
        return message
