"""The events of a streamed response: https://platform.openai.com/docs/api-reference/responses-streaming."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import Delta, TokenLogprob, ToolCallDelta
from funland.v1.responses_pb2 import Response, ResponseEvent
from funland_gateway.dialects.dialect import Named
from funland_gateway.dialects.openai.logprobs import chat_logprobs
from funland_gateway.dialects.openai.responses_answer import response_object
from funland_gateway.dialects.openai.responses_items import (
    Item,
    call_item,
    item_id,
    message_item,
    reasoning_item,
    text_part,
)

_OUTCOMES: Final = {
    Response.COMPLETED: "response.completed",
    Response.INCOMPLETE: "response.incomplete",
}

_PREFIXES: Final = {"reasoning": "rs", "message": "msg", "function_call": "fc"}


@dataclass(slots=True)
class _Open:
    """The item that grows; those before it are done."""

    kind: str
    id: str
    index: int
    call: ToolCallDelta
    """Its first delta, if it is a call."""
    text: list[str] = field(default_factory=list[str])
    logprobs: list[TokenLogprob] = field(default_factory=list[TokenLogprob])

    def item(self, status: str) -> Item:
        """The item as far as it has come."""
        text = "".join(self.text)
        if self.kind == "reasoning":
            return reasoning_item(self.id, text, status)
        if self.kind == "message":
            return message_item(self.id, text, self.logprobs, status)
        return call_item(self.id, self.call.id, self.call.name, text, status)


class ResponseStream:
    """Makes the SSE events of one response from those of the contract, and numbers them."""

    def __init__(self, echo: Mapping[str, Any]) -> None:
        self._echo = echo
        self._response = Response()
        self._number = 0
        self._done: list[Item] = []
        self._open: _Open | None = None
        self._waiting: list[TokenLogprob] = []
        """Of tokens whose text has not come yet."""

    def events_of(self, event: ResponseEvent) -> Iterator[Named]:
        """The events for one event of the contract; none for kinds that are not known here."""
        match event.WhichOneof("event"):
            case "created":
                self._response = event.created
                for kind in ("response.created", "response.in_progress"):
                    yield self._whole(kind)
            case "delta":
                yield from self._grow(event.delta)
            case "completed":
                yield from self._complete(event.completed)
            case _:
                pass

    def failed(self, error: Error) -> Named:
        """The last event of a stream that breaks off."""
        self._response.state = Response.FAILED
        self._response.error.CopyFrom(error)
        return self._whole("response.failed")

    @staticmethod
    def is_last(event: ResponseEvent) -> bool:
        """Whether the response is whole with this event of the contract."""
        return event.HasField("completed")

    def _complete(self, response: Response) -> Iterator[Named]:
        self._response = response
        if self._open is None and not self._done:
            yield from self._begin("message")
        status = "incomplete" if response.state == Response.INCOMPLETE else "completed"
        yield from self._end(status)
        yield self._whole(_OUTCOMES[response.state])

    def _grow(self, delta: Delta) -> Iterator[Named]:
        self._waiting.extend(delta.logprobs)
        if delta.reasoning:
            yield from self._text("reasoning", delta.reasoning)
        if delta.text:
            yield from self._text("message", delta.text)
        for piece in delta.tool_calls:
            yield from self._call(piece)

    def _text(self, kind: str, text: str) -> Iterator[Named]:
        if self._open is None or self._open.kind != kind:
            yield from self._begin(kind)
        grown = self._grown()
        grown.text.append(text)
        tokens, self._waiting = self._waiting, []
        if kind == "reasoning":
            yield self._of_part("response.reasoning_text.delta", delta=text)
            return
        grown.logprobs.extend(tokens)
        told = chat_logprobs(tokens)["content"]
        yield self._of_part("response.output_text.delta", delta=text, logprobs=told)

    def _call(self, piece: ToolCallDelta) -> Iterator[Named]:
        if piece.id:  # the first of a call
            yield from self._begin("function_call", piece)
        self._waiting = []
        if piece.arguments:
            self._grown().text.append(piece.arguments)
            yield self._of_item("response.function_call_arguments.delta", delta=piece.arguments)

    def _begin(self, kind: str, call: ToolCallDelta | None = None) -> Iterator[Named]:
        """Ends the item that is open and begins another."""
        yield from self._end("completed")
        number = sum(item["type"] == kind for item in self._done)
        identity = item_id(_PREFIXES[kind], self._response.response_id, number)
        self._open = _Open(kind, identity, len(self._done), call or ToolCallDelta())
        item = self._open.item("in_progress")
        content = item.pop("content", None)
        if content is not None:
            item["content"] = []
        yield self._event("response.output_item.added", output_index=self._open.index, item=item)
        if content is not None:
            yield self._of_part("response.content_part.added", part=content[0])

    def _end(self, status: str) -> Iterator[Named]:
        if self._open is None:
            return
        ended, text = self._open, "".join(self._open.text)
        if ended.kind == "function_call":
            yield self._of_item(
                "response.function_call_arguments.done", name=ended.call.name, arguments=text
            )
        elif ended.kind == "reasoning":
            yield self._of_part("response.reasoning_text.done", text=text)
            part = {"type": "reasoning_text", "text": text}
            yield self._of_part("response.content_part.done", part=part)
        else:
            part = text_part(text, ended.logprobs)
            yield self._of_part("response.output_text.done", text=text, logprobs=part["logprobs"])
            yield self._of_part("response.content_part.done", part=part)
        item = ended.item(status)
        yield self._event("response.output_item.done", output_index=ended.index, item=item)
        self._done.append(item)
        self._open = None

    def _grown(self) -> _Open:
        assert self._open is not None  # noqa: S101 - what grows was begun
        return self._open

    def _of_part(self, kind: str, **values: Any) -> Named:
        """An event of the one part that an item has."""
        return self._of_item(kind, content_index=0, **values)

    def _of_item(self, kind: str, **values: Any) -> Named:
        grown = self._grown()
        return self._event(kind, item_id=grown.id, output_index=grown.index, **values)

    def _whole(self, kind: str) -> Named:
        """An event that has the response as it is now."""
        return self._event(kind, response=response_object(self._response, self._echo, self._done))

    def _event(self, kind: str, **values: Any) -> Named:
        data = {"type": kind, "sequence_number": self._number, **values}
        self._number += 1
        return Named(kind, orjson.dumps(data))
