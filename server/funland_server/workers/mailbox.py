"""What a sequence brought and its reader has not yet taken."""

from __future__ import annotations

import asyncio

from funland.worker.v1.worker_pb2 import SequenceEvent


class Mailbox:
    """Holds at most one event: what comes before it is taken is joined to it.

    So a slow reader costs as much memory as the text that it has not read, and holds up nobody.
    """

    def __init__(self) -> None:
        self._event: SequenceEvent | None = None
        self._error: Exception | None = None
        self._filled = asyncio.Event()

    def put(self, event: SequenceEvent) -> None:
        """Adds an event."""
        if self._event is None:
            self._event = event
        else:
            self._event.text += event.text
            self._event.tokens += event.tokens
            if event.HasField("finish"):
                self._event.finish.CopyFrom(event.finish)
            if event.HasField("failure"):
                self._event.failure.CopyFrom(event.failure)
        self._filled.set()

    def fail(self, error: Exception) -> None:
        """Lets the reader have `error` after what is there already."""
        self._error = error
        self._filled.set()

    async def take(self) -> SequenceEvent:
        """What has come since the last time; waits if nothing has."""
        await self._filled.wait()
        if self._event is not None:
            event, self._event = self._event, None
            if self._error is None:
                self._filled.clear()
            return event
        assert self._error is not None  # noqa: S101 - filled means one of the two
        raise self._error
