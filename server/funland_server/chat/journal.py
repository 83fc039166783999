"""The latest events of a session, numbered, for any number of readers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from funland.v1.sessions_pb2 import SessionEvent

LARGEST: Final = 4 * 1024**2
"""So many bytes of events are kept, and always the latest one."""


class Journal:
    """What happened in a session since it was opened.

    A reader has a place in it and no buffer of its own, so one that is slow costs nothing; one that
    is slower than events are let go finds that they are not here any more.
    """

    def __init__(self, last: int) -> None:
        """`last` is the number of the latest event before it was opened."""
        self.last = last
        """The number of the latest event."""
        self.last_whole = last
        """That of the latest one which is more than a piece of an answer: what it tells is in the
        database too."""
        self._events: deque[bytes] = deque()
        self._size = 0
        self._readers: set[asyncio.Event] = set()

    @property
    def first(self) -> int:
        """The number of the oldest event that is here, or of the next one."""
        return self.last - len(self._events) + 1

    def add(self, event: SessionEvent) -> None:
        """Numbers an event and shows it to all readers."""
        self.last += 1
        event.number = self.last
        if event.WhichOneof("event") in ("session", "message", "deleted"):
            self.last_whole = self.last
        written = event.SerializeToString()
        self._events.append(written)
        self._size += len(written)
        while self._size > LARGEST and len(self._events) > 1:
            self._size -= len(self._events.popleft())
        self.wake()

    def get(self, number: int) -> SessionEvent | None:
        """An event; None if it is not here, or not yet."""
        if not self.first <= number <= self.last:
            return None
        return SessionEvent.FromString(self._events[number - self.first])

    def wake(self) -> None:
        """Has all readers look."""
        for reader in self._readers:
            reader.set()

    @contextmanager
    def reader(self) -> Generator[asyncio.Event]:
        """What is set when there may be something new to read."""
        changed = asyncio.Event()
        self._readers.add(changed)
        try:
            yield changed
        finally:
            self._readers.discard(changed)
