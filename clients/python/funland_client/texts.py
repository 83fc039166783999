"""Puts the pieces of a streamed text together."""

from __future__ import annotations

from typing import Self

from funland.v1.inference_pb2 import (
    Delta,
    Finish,
    Message,
    TokenLogprob,
    ToolCall,
    ToolCallDelta,
)


class StreamedText:
    """One text, as far as it has come. `finish` is None until it is complete."""

    def __init__(self) -> None:
        self.logprobs: list[TokenLogprob] = []
        self.finish: Finish | None = None
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, ToolCall] = {}

    @classmethod
    def of(cls, message: Message) -> Self:
        """One that has come as far as a message."""
        text = cls()
        calls = (
            ToolCallDelta(index=index, id=call.id, name=call.name, arguments=call.arguments)
            for index, call in enumerate(message.tool_calls)
        )
        text.add(Delta(text=message.content, reasoning=message.reasoning, tool_calls=calls))
        return text

    def begin_anew(self) -> Message:
        """What was said so far, without calls: those are of the last message, and what comes from
        here on is another."""
        said = Message(role=Message.ASSISTANT, content=self.text, reasoning=self.reasoning)
        self.logprobs.clear()
        self._content.clear()
        self._reasoning.clear()
        return said

    def add(self, delta: Delta) -> None:
        """Takes more of it."""
        self._content.append(delta.text)
        self._reasoning.append(delta.reasoning)
        self.logprobs.extend(delta.logprobs)
        for piece in delta.tool_calls:
            call = self._calls.setdefault(piece.index, ToolCall())
            call.id = call.id or piece.id
            call.name = call.name or piece.name
            call.arguments += piece.arguments

    @property
    def text(self) -> str:
        """What is said."""
        return "".join(self._content)

    @property
    def reasoning(self) -> str:
        """What was thought before."""
        return "".join(self._reasoning)

    @property
    def tool_calls(self) -> list[ToolCall]:
        """The calls that are asked for; the arguments of the last may not be whole."""
        return [call for _, call in sorted(self._calls.items())]

    @property
    def message(self) -> Message:
        """All of it, to be appended to the conversation."""
        return Message(
            role=Message.ASSISTANT,
            content=self.text,
            reasoning=self.reasoning,
            tool_calls=self.tool_calls,
        )
