"""Streams of which only the text matters to most: iterated by it, or by all events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

import grpc

from funland_client.errors import FunlandError, ServerUnreachableError, StreamBrokenError
from funland_client.streams import AsyncEventStream, EventStream

Event = TypeVar("Event")


class Progress(ABC, Generic[Event]):
    """How far a stream has come."""

    _closed = False

    @property
    @abstractmethod
    def complete(self) -> bool:
        """Whether its last event has come."""

    @property
    @abstractmethod
    def begun(self) -> bool:
        """Whether its first event has come."""

    @abstractmethod
    def _take(self, event: Event) -> str:
        """Notes an event; returns the text that it adds."""

    def _check_end(self) -> None:
        """Raises StreamBrokenError if the call ended without its last event."""
        if not (self.complete or self._closed):
            self._closed = True
            raise _broken()

    def _failure(self, error: FunlandError) -> FunlandError:
        """What to raise for `error`: a server that has answered before is not one to be found."""
        self._closed = True
        return _broken() if self.begun and isinstance(error, ServerUnreachableError) else error


class PieceStream(Progress[Event], Iterator[str]):
    """Iterates over the pieces of a text, which are to be appended to one another.

    Leaving its `with` block, or `close`, ends the call if it still runs.
    """

    _events: EventStream[Event]

    def __next__(self) -> str:
        """Waits for the next piece. Raises what `errors` names when the call fails."""
        while (step := self._advance()) is not None:
            if step[1]:
                return step[1]
        raise StopIteration

    def events(self) -> Generator[Event]:
        """Gives all events instead of the text alone. Kinds may be added."""
        while (step := self._advance()) is not None:
            yield step[0]

    def _advance(self) -> tuple[Event, str] | None:
        """The next event and the text that it adds; None at the end."""
        try:
            for event in self._events:
                return event, self._take(event)
        except FunlandError as error:
            raise self._failure(error) from error.__cause__
        self._check_end()
        return None

    def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._closed = True
        self._events.close()

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


class AsyncPieceStream(Progress[Event], AsyncIterator[str]):
    """As `PieceStream`, on an event loop."""

    _events: AsyncEventStream[Event]

    async def __anext__(self) -> str:
        """Waits for the next piece. Raises what `errors` names when the call fails."""
        while (step := await self._advance()) is not None:
            if step[1]:
                return step[1]
        raise StopAsyncIteration

    async def events(self) -> AsyncGenerator[Event]:
        """Gives all events instead of the text alone. Kinds may be added."""
        while (step := await self._advance()) is not None:
            yield step[0]

    async def _advance(self) -> tuple[Event, str] | None:
        """The next event and the text that it adds; None at the end."""
        try:
            async for event in self._events:
                return event, self._take(event)
        except FunlandError as error:
            raise self._failure(error) from error.__cause__
        self._check_end()
        return None

    async def close(self) -> None:
        """Ends the call if it still runs; iteration ends."""
        self._closed = True
        await self._events.close()

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


def _broken() -> StreamBrokenError:
    return StreamBrokenError(
        "The connection to the server was lost before the answer was complete.",
        code=grpc.StatusCode.UNAVAILABLE,
    )
