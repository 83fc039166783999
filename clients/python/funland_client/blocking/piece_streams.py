# Generated from ../asynchronous/piece_streams.py by `make client`: edit that one.
"""Streams of which only the text matters to most: iterated by it, or by all events."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Self, TypeVar

from funland_client.blocking.event_streams import EventStream
from funland_client.errors import FunlandError
from funland_client.progress import Progress

Event = TypeVar("Event")


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
