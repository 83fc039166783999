"""A sequence that runs in a worker, and what it brought that its reader has not yet taken."""

from __future__ import annotations

import asyncio

from funland.v1.inference_pb2 import Delta
from funland.worker.v1.worker_pb2 import SequenceEvent
from funland_server.workers.failures import from_wire


class Sequence:
    """Holds at most one event for each text: what comes before it is taken is joined to it.

    So a slow reader costs as much memory as the text that it has not read, and holds up nobody.
    """

    def __init__(self, model_id: str, texts: int) -> None:
        self._model_id = model_id
        self.open_texts = texts
        """How many of its texts have not ended, as far as its reader has read."""
        self._events: dict[int, SequenceEvent] = {}
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        """What the one reader waits for, if it does."""

    def put(self, event: SequenceEvent) -> None:
        """Adds an event."""
        held = self._events.get(event.choice)
        if held is None:
            self._events[event.choice] = event
        else:
            _join(held, event)
        self._wake()

    def fail(self, error: Exception) -> None:
        """Lets the reader have `error` after what is there already."""
        self._error = error
        self._wake()

    async def take(self) -> SequenceEvent:
        """What has come of one text since the last time; waits if nothing has.

        Raises:
            FunlandError: What the worker refused, or what `fail` was given.
        """
        while not self._events:
            if self._error is not None:
                raise self._error
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        event = self._events.pop(next(iter(self._events)))
        if event.HasField("failure"):
            self.open_texts = 0
            raise from_wire(event.failure, self._model_id)
        if event.HasField("finish"):
            self.open_texts -= 1
        return event

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


def _join(held: SequenceEvent, event: SequenceEvent) -> None:
    """Adds what came later. A position in the queue and how far the prompt is computed are the
    latest; all else adds up."""
    held.tokens += event.tokens
    held.queue_position = event.queue_position or held.queue_position
    if event.HasField("prefill"):
        held.prefill.CopyFrom(event.prefill)
    if event.HasField("prompt_logprobs"):
        held.prompt_logprobs.CopyFrom(event.prompt_logprobs)
    if event.HasField("delta"):
        _add(held.delta, event.delta)
    if event.HasField("finish"):
        held.finish.CopyFrom(event.finish)
    if event.HasField("failure"):
        held.failure.CopyFrom(event.failure)


def _add(held: Delta, delta: Delta) -> None:
    """Adds what came later of a text."""
    for addition in delta.tool_calls:
        last = held.tool_calls[-1] if held.tool_calls else None
        if last is not None and last.index == addition.index:
            last.arguments += addition.arguments
        else:
            held.tool_calls.append(addition)
    held.text += delta.text
    held.reasoning += delta.reasoning
    held.logprobs.extend(delta.logprobs)
