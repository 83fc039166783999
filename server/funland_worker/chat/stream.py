"""Reads one answer of a chat: its reasoning, its content and its calls, as they are written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from funland.v1.inference_pb2 import ToolCallDelta
from funland_worker.chat.calls import CallStream
from funland_worker.chat.formats import ChatFormat
from funland_worker.chat.reasoning import ReasoningMarks, ReasoningStream
from funland_worker.chat.token_parts import CONTENT, REASONING, Span


class Parts(NamedTuple):
    """What a piece of text brought; any of it may be empty."""

    content: str = ""
    reasoning: str = ""
    tool_calls: Sequence[ToolCallDelta] = ()


@dataclass(frozen=True, slots=True)
class AnswerShape:
    """What the answers to one chat are made of."""

    call_format: ChatFormat
    functions: Collection[str] = ()
    """The names of the functions that may be called."""
    reasoning: ReasoningMarks | None = None
    begun: bool = False
    """Whether the prompt ends within the reasoning."""

    @property
    def plain(self) -> bool:
        """Whether they have nothing but content."""
        return self.reasoning is None and not self.functions


class AnswerStream:
    """One answer. How its text is cut makes no difference to its parts."""

    def __init__(self, shape: AnswerShape) -> None:
        self._reasoning = ReasoningStream(shape.reasoning, begun=shape.begun)
        self._calls = CallStream(shape.call_format, shape.functions) if shape.functions else None
        self._spans: list[Span] | None = None

    @property
    def thinking(self) -> bool:
        """Whether the text is within its reasoning."""
        return self._reasoning.thinking

    @property
    def called(self) -> bool:
        """Whether the answer has calls, and all of them whole."""
        return self._calls is not None and self._calls.calls > 0 and self._calls.complete

    def feed(self, text: str, *, ended: bool = False, cut: bool = False) -> Parts:
        """Takes more text and gives the parts that are now certain; all, if it is `ended`. `cut`:
        it would have gone on."""
        held = self._reasoning.held
        reasoning, answer = self._reasoning.feed(text, ended=ended)
        if self._spans is not None:
            thought = held + len(text) - self._reasoning.held - len(answer)
            self._spans.append(Span(REASONING, thought))
        if self._calls is None:
            if self._spans is not None:
                self._spans.append(Span(CONTENT, len(answer)))
            return Parts(answer, reasoning)
        content, calls = self._calls.feed(answer)
        if ended:
            rest, more = self._calls.finish(cut=cut)
            content, calls = content + rest, calls + more
        return Parts(content, reasoning, calls)

    def trace(self) -> None:
        """From now on remembers which characters belong to which part, for `spans`."""
        self._spans = []
        if self._calls is not None:
            self._calls.spans = self._spans

    def spans(self) -> list[Span]:
        """What was read of the text since this was last asked."""
        spans = list(self._spans or ())
        if self._spans is not None:
            self._spans.clear()
        return spans
