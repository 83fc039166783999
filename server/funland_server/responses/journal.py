"""The numbered events of a response, for any number of readers, and a replay when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator

from funland.v1.inference_pb2 import Delta, ToolCallDelta, ToolStep
from funland.v1.responses_pb2 import Response, ResponseEvent


class Journal:
    """All events of a response that is made in the background.

    A reader has a place in it and no buffer of its own, so one that is slow costs nothing. The
    events are kept as bytes, which take a fraction of what messages would.
    """

    def __init__(self) -> None:
        self._events: list[bytes] = []
        self._ended = False
        self._changed = asyncio.Event()

    def add(self, event: ResponseEvent) -> None:
        """Numbers an event and shows it to all readers; `completed` is the last."""
        event.number = len(self._events) + 1
        self._events.append(event.SerializeToString())
        self._ended = event.HasField("completed")
        self._changed.set()
        self._changed = asyncio.Event()

    async def read(self, after: int) -> AsyncGenerator[ResponseEvent]:
        """The events after a number, those that come included. `completed` always comes."""
        number = after
        while True:
            changed = self._changed
            while number < len(self._events):
                yield ResponseEvent.FromString(self._events[number])
                number += 1
            if self._ended:
                break
            await changed.wait()
        if after >= len(self._events):
            yield ResponseEvent.FromString(self._events[-1])


def replay(response: Response, after: int) -> Iterator[ResponseEvent]:
    """The events of a response that has ended: `created`, its answer at once, `completed`.

    Who has seen later events than these has seen some of the answer, and gets `completed` alone.
    """
    events = [ResponseEvent(created=_as_it_began(response))]
    events.extend(_steps(response))
    if (delta := _answer(response)).ByteSize():
        events.append(ResponseEvent(delta=delta))
    for number, event in enumerate(events, start=1):
        if number > after:
            event.number = number
            yield event
    yield ResponseEvent(completed=response, number=max(after, len(events)) + 1)


def _steps(response: Response) -> Iterator[ResponseEvent]:
    """What was said and called before the answer, as it was told."""
    steps = {step.call.id: step for step in response.steps}
    for message in response.step_messages:
        said = Delta(text=message.content, reasoning=message.reasoning)
        if said.ByteSize():
            yield ResponseEvent(delta=said)
        for call in message.tool_calls:
            begun = ToolStep()
            begun.CopyFrom(steps[call.id])
            begun.state = ToolStep.CALLING
            begun.ClearField("text")
            begun.ClearField("elapsed_ms")
            yield ResponseEvent(tool_step=begun)
        for call in message.tool_calls:
            yield ResponseEvent(tool_step=steps[call.id])


def _as_it_began(response: Response) -> Response:
    begun = Response()
    begun.CopyFrom(response)
    for field in (
        "output",
        "logprobs",
        "usage",
        "timings",
        "error",
        "finish_reason",
        "steps",
        "step_messages",
    ):
        begun.ClearField(field)
    begun.state = Response.QUEUED if response.background else Response.IN_PROGRESS
    return begun


def _answer(response: Response) -> Delta:
    """The answer as one delta."""
    output = response.output
    return Delta(
        text=output.content,
        reasoning=output.reasoning,
        tool_calls=[
            ToolCallDelta(index=index, id=call.id, name=call.name, arguments=call.arguments)
            for index, call in enumerate(output.tool_calls)
        ],
        logprobs=response.logprobs,
    )
