"""The events of a streamed response: https://platform.openai.com/docs/api-reference/responses-streaming."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import Delta, TokenLogprob, ToolCallDelta, ToolStep
from funland.v1.responses_pb2 import Response, ResponseEvent
from funland_gateway.dialects.dialect import Named
from funland_gateway.dialects.openai.callees import Callee, Callees, callee, callees
from funland_gateway.dialects.openai.free_form import FreeText
from funland_gateway.dialects.openai.logprobs import chat_logprobs, content_tokens
from funland_gateway.dialects.openai.responses_answer import response_object
from funland_gateway.dialects.openai.responses_events import NumberedEvents
from funland_gateway.dialects.openai.responses_items import (
    PREFIXES,
    Item,
    call_item,
    call_kind,
    item_id,
    mcp_item,
    message_item,
    reasoning_item,
    text_part,
)

_OUTCOMES: Final = {
    Response.COMPLETED: ("response.completed", "completed"),
    Response.INCOMPLETE: ("response.incomplete", "incomplete"),
    # OpenAI has no event for it; the response in this one says that it was cancelled.
    Response.CANCELLED: ("response.incomplete", "incomplete"),
    Response.FAILED: ("response.failed", ""),
}
"""The last event, and how the item ends that was open: empty if it does not."""

_CALL_EVENTS: Final = {
    "function_call": ("response.function_call_arguments", "arguments"),
    "custom_tool_call": ("response.custom_tool_call_input", "input"),
}
"""How the events of a call begin, and what the last of them calls its text."""


_NOBODY: Final = Callee("")


@dataclass(slots=True)
class _Open:
    """The item that grows; those before it are done."""

    kind: str
    id: str
    index: int
    call_id: str
    callee: Callee
    """These two are those of a call."""
    free: FreeText | None
    """For a call that takes a text."""
    text: list[str] = field(default_factory=list[str])
    logprobs: list[TokenLogprob] = field(default_factory=list[TokenLogprob])

    def item(self, status: str) -> Item:
        """The item as far as it has come."""
        text = "".join(self.text)
        if self.kind == "reasoning":
            return reasoning_item(self.id, text, status)
        if self.kind == "message":
            return message_item(self.id, text, self.logprobs, status)
        return call_item(self.id, self.call_id, self.callee, text, status)


class ResponseStream:
    """Makes the SSE events of one response from those of the contract."""

    def __init__(self, echo: Mapping[str, Any], after: int | None = None) -> None:
        self._echo = echo
        self._events = NumberedEvents(after)
        self._response = Response()
        self._begun = False
        self._done: list[Item] = []
        self._open: _Open | None = None
        self._callees: Callees = {}
        self._made: dict[str, int] = {}
        """Where the items of the server's calls stand."""
        self._waiting: list[TokenLogprob] = []
        """Of tokens of the message whose text has not come yet."""

    def events_of(self, event: ResponseEvent) -> Iterator[Named]:
        """The events for one event of the contract; none for kinds that are not known here."""
        match event.WhichOneof("event"):
            case "created":
                yield from self._create(event.created)
            case "delta":
                yield from self._grow(event.delta)
            case "tool_step":
                yield from self._step(event.tool_step)
            case "completed":
                yield from self._complete(event.completed)
            case _:
                pass

    def failed(self, error: Error) -> Named:
        """The last event of a stream that breaks off."""
        self._response.state = Response.FAILED
        self._response.error.CopyFrom(error)
        return self._events.last("response.failed", self._whole())

    @staticmethod
    def is_last(event: ResponseEvent) -> bool:
        """Whether the response is whole with this event of the contract."""
        return event.HasField("completed")

    def _create(self, response: Response) -> Iterator[Named]:
        self._response.CopyFrom(response)
        self._callees = callees(response.request.tools)
        self._events.resumable = response.background
        if not response.background:
            self._response.state = Response.IN_PROGRESS
            yield from self._events.next("response.created", self._whole())
            yield from self._begin_once()
            return
        self._response.state = Response.QUEUED
        for kind in ("response.created", "response.queued"):
            yield from self._events.next(kind, self._whole())

    def _begin_once(self) -> Iterator[Named]:
        """Says that the model writes; in the background that is known by its first word."""
        if not self._begun:
            self._begun = True
            self._response.state = Response.IN_PROGRESS
            yield from self._events.next("response.in_progress", self._whole())

    def _complete(self, response: Response) -> Iterator[Named]:
        kind, status = _OUTCOMES[response.state]
        if response.state in (Response.COMPLETED, Response.INCOMPLETE):
            yield from self._begin_once()
            if self._open is None and not self._done:
                yield from self._begin("message")
        self._response.CopyFrom(response)
        if status:
            yield from self._end(status)
        yield self._events.last(kind, self._whole())

    def _grow(self, delta: Delta) -> Iterator[Named]:
        self._waiting.extend(content_tokens(delta.logprobs))
        if delta.reasoning:
            yield from self._text("reasoning", delta.reasoning, ())
        if delta.text:
            tokens, self._waiting = self._waiting, []
            yield from self._text("message", delta.text, tokens)
        for piece in delta.tool_calls:
            yield from self._call(piece)

    def _text(self, kind: str, text: str, tokens: Sequence[TokenLogprob]) -> Iterator[Named]:
        yield from self._begin_once()
        if self._open is None or self._open.kind != kind:
            yield from self._begin(kind)
        grown = self._grown()
        grown.text.append(text)
        grown.logprobs.extend(tokens)
        new = self._events.unseen(text)
        if kind == "reasoning":
            yield from self._of_part("response.reasoning_text.delta", delta=new)
            return
        if new != text:
            tokens = _of_the_end(tokens, new)
        told = chat_logprobs(tokens)["content"]
        yield from self._of_part("response.output_text.delta", delta=new, logprobs=told)

    def _call(self, piece: ToolCallDelta) -> Iterator[Named]:
        yield from self._begin_once()
        if piece.id:  # the first of a call
            called = callee(self._callees, piece.name)
            yield from self._begin(call_kind(called), piece.id, called)
        grown = self._grown()
        text = piece.arguments if grown.free is None else grown.free.more(piece.arguments)
        if text:
            grown.text.append(text)
            event, _ = _CALL_EVENTS[grown.kind]
            yield from self._of_item(f"{event}.delta", delta=self._events.unseen(text))

    def _step(self, step: ToolStep) -> Iterator[Named]:
        """A call of the server: several are made at the same time, and none of them grows."""
        yield from self._begin_once()
        index = self._made.get(step.call.id)
        if index is None:
            yield from self._end("completed")
            index = self._made[step.call.id] = len(self._done)
            identity = item_id(
                PREFIXES["mcp_call"], self._response.response_id, len(self._made) - 1
            )
            begun = ToolStep(call=step.call, server=step.server)
            self._done.append(mcp_item(identity, begun))
            added = {"output_index": index, "item": self._done[index] | {"arguments": ""}}
            yield from self._events.next("response.output_item.added", added)
            text, event = step.call.arguments, "response.mcp_call_arguments"
            yield from self._of_call("response.mcp_call.in_progress", index)
            yield from self._of_call(f"{event}.delta", index, delta=text)
            yield from self._of_call(f"{event}.done", index, arguments=text)
        if step.state == ToolStep.CALLING:
            return
        item = self._done[index] = mcp_item(self._done[index]["id"], step)
        yield from self._of_call(f"response.mcp_call.{item['status']}", index)
        ended = {"output_index": index, "item": item}
        yield from self._events.next("response.output_item.done", ended)

    def _of_call(self, kind: str, index: int, **values: Any) -> Iterator[Named]:
        identity = self._done[index]["id"]
        return self._events.next(kind, {"item_id": identity, "output_index": index, **values})

    def _begin(self, kind: str, call_id: str = "", called: Callee = _NOBODY) -> Iterator[Named]:
        """Ends the item that is open and begins another."""
        yield from self._end("completed")
        number = sum(item["type"] == kind for item in self._done)
        identity = item_id(PREFIXES[kind], self._response.response_id, number)
        free = FreeText() if called.free_form else None
        self._open = _Open(kind, identity, len(self._done), call_id, called, free)
        item = self._open.item("in_progress")
        content = item.pop("content", None)
        if content is not None:
            item["content"] = []
        added = {"output_index": self._open.index, "item": item}
        yield from self._events.next("response.output_item.added", added)
        if content is not None:
            yield from self._of_part("response.content_part.added", part=content[0])

    def _end(self, status: str) -> Iterator[Named]:
        if self._open is None:
            return
        ended, text = self._open, "".join(self._open.text)
        if ended.kind in _CALL_EVENTS:
            event, name = _CALL_EVENTS[ended.kind]
            more = {} if ended.free else {"name": ended.callee.name}
            yield from self._of_item(f"{event}.done", **more, **{name: text})
        elif ended.kind == "reasoning":
            yield from self._of_part("response.reasoning_text.done", text=text)
            part = {"type": "reasoning_text", "text": text}
            yield from self._of_part("response.content_part.done", part=part)
        else:
            ended.logprobs.extend(self._waiting)  # the last are of no whole character
            self._waiting = []
            part = text_part(text, ended.logprobs)
            logprobs = part["logprobs"]
            yield from self._of_part("response.output_text.done", text=text, logprobs=logprobs)
            yield from self._of_part("response.content_part.done", part=part)
        item = ended.item(status)
        yield from self._events.next(
            "response.output_item.done", {"output_index": ended.index, "item": item}
        )
        self._done.append(item)
        self._open = None

    def _grown(self) -> _Open:
        assert self._open is not None  # noqa: S101 - what grows was begun
        return self._open

    def _of_part(self, kind: str, **values: Any) -> Iterator[Named]:
        """An event of the one part that an item has."""
        return self._of_item(kind, content_index=0, **values)

    def _of_item(self, kind: str, **values: Any) -> Iterator[Named]:
        grown = self._grown()
        return self._events.next(kind, {"item_id": grown.id, "output_index": grown.index, **values})

    def _whole(self) -> dict[str, Any]:
        """The response as it is now."""
        return {"response": response_object(self._response, self._echo, self._done)}


def _of_the_end(tokens: Sequence[TokenLogprob], text: str) -> Sequence[TokenLogprob]:
    """Those of the tokens that their last characters, which are `text`, are made of."""
    lacking = len(text.encode())
    for begin in range(len(tokens) - 1, -1, -1):
        lacking -= len(tokens[begin].token)
        if lacking <= 0:
            return tokens[begin:]
    return tokens
