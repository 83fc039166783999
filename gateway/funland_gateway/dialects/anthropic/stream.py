"""The events of a streamed answer: https://platform.claude.com/docs/en/build-with-claude/streaming."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from funland.v1.inference_pb2 import Delta, Finish, GenerationEvent, Start, ToolCallDelta
from funland_gateway.dialects.anthropic.answers import (
    Block,
    head,
    prompt_usage,
    stopped,
    text_block,
    thinking_block,
    tool_block,
    usage,
)
from funland_gateway.dialects.dialect import Named

_NONE: Final = ("", 0)


class MessageStream:
    """Makes the events of one answer from those of the contract."""

    def __init__(self, *, tells_thoughts: bool) -> None:
        self._tells_thoughts = tells_thoughts
        self._start = Start()
        self._begun = False
        self._index = -1
        """That of the newest block."""
        self._open = _NONE
        """The kind of the block that grows, and which of the calls it is."""

    def events_of(self, event: GenerationEvent) -> Iterator[Named]:
        """The events for one event of the contract; none for kinds that are not known here."""
        match event.WhichOneof("event"):
            case "start":
                self._start = event.start
            case "prefill":
                yield from self._begin(event.prefill.total, event.prefill.cached)
            case "delta":
                yield from self._begin()
                yield from self._grow(event.delta)
            case "finish":
                yield from self._begin()
                yield from self._finish(event.finish)
            case _:
                pass

    def _begin(self, total: int = 0, cached: int = 0) -> Iterator[Named]:
        """The head of the answer, as soon as it is known how long the prompt is. Engines that don't
        tell have none until the end."""
        if self._begun:
            return
        self._begun = True
        used = {**prompt_usage(total, cached), "output_tokens": 0}
        yield _event("message_start", message=head(self._start.id, self._start.model, used))

    def _grow(self, delta: Delta) -> Iterator[Named]:
        if delta.reasoning and self._tells_thoughts:
            yield from self._within(("thinking", 0), thinking_block())
            yield self._more("thinking_delta", thinking=delta.reasoning)
        if delta.text:
            yield from self._within(("text", 0), text_block())
            yield self._more("text_delta", text=delta.text)
        for call in delta.tool_calls:
            yield from self._call(call)

    def _call(self, call: ToolCallDelta) -> Iterator[Named]:
        if call.id:  # the first of a call
            yield from self._within(("tool_use", call.index), tool_block(call.id, call.name, {}))
        if call.arguments:
            yield self._more("input_json_delta", partial_json=call.arguments)

    def _within(self, kind: tuple[str, int], block: Block) -> Iterator[Named]:
        """Ends the block that is open and begins another, unless it is of this kind."""
        if self._open == kind:
            return
        yield from self._end()
        self._open = kind
        self._index += 1
        yield _event("content_block_start", index=self._index, content_block=block)

    def _end(self) -> Iterator[Named]:
        if self._open != _NONE:
            self._open = _NONE
            yield _event("content_block_stop", index=self._index)

    def _finish(self, finish: Finish) -> Iterator[Named]:
        yield from self._end()
        ended = stopped(finish.reason, finish.stop)
        yield _event("message_delta", delta=ended, usage=usage(finish.usage))
        yield _event("message_stop")

    def _more(self, kind: str, **what: str) -> Named:
        delta = {"type": kind, **what}
        return _event("content_block_delta", index=self._index, delta=delta)


def _event(kind: str, **values: Any) -> Named:
    return Named(kind, orjson.dumps({"type": kind, **values}))
