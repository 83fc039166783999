"""What a sequence brought and its reader has not yet taken."""

from __future__ import annotations

import asyncio

from funland.worker.v1.worker_pb2 import SequenceEvent


class Mailbox:
    """Holds at most one event for each text: what comes before it is taken is joined to it.

    So a slow reader costs as much memory as the text that it has not read, and holds up nobody.
    """

    def __init__(self) -> None:
        self._events: dict[int, SequenceEvent] = {}
        self._error: Exception | None = None
        self._filled = asyncio.Event()

    def put(self, event: SequenceEvent) -> None:
        """Adds an event."""
        held = self._events.get(event.choice)
        if held is None:
            self._events[event.choice] = event
        else:
            _join(held, event)
        self._filled.set()

    def fail(self, error: Exception) -> None:
        """Lets the reader have `error` after what is there already."""
        self._error = error
        self._filled.set()

    async def take(self) -> SequenceEvent:
        """What has come of one text since the last time; waits if nothing has."""
        await self._filled.wait()
        if self._events:
            event = self._events.pop(next(iter(self._events)))
            if not self._events and self._error is None:
                self._filled.clear()
            return event
        assert self._error is not None  # noqa: S101 - filled means one of the two
        raise self._error


def _join(held: SequenceEvent, event: SequenceEvent) -> None:
    """Adds what came later. A position in the queue is the latest; all else adds up."""
    for addition in event.tool_calls:
        last = held.tool_calls[-1] if held.tool_calls else None
        if last is not None and last.index == addition.index:
            last.arguments += addition.arguments
        else:
            held.tool_calls.append(addition)
    held.text += event.text
    held.reasoning += event.reasoning
    held.tokens += event.tokens
    held.logprobs.extend(event.logprobs)
    held.queue_position = event.queue_position or held.queue_position
    if event.HasField("finish"):
        held.finish.CopyFrom(event.finish)
    if event.HasField("failure"):
        held.failure.CopyFrom(event.failure)
