"""Puts the events of a generation together to whole texts."""

from __future__ import annotations

from dataclasses import dataclass, field

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import GenerationEvent, Message, TokenLogprob, ToolStep
from funland_server.inference.steps import Steps


@dataclass(slots=True)
class Text:
    """One of a generation's texts, as far as it is known."""

    content: list[str] = field(default_factory=list[str])
    reasoning: list[str] = field(default_factory=list[str])
    calls: dict[int, inference_pb2.ToolCall] = field(
        default_factory=dict[int, inference_pb2.ToolCall]
    )
    logprobs: list[TokenLogprob] = field(default_factory=list[TokenLogprob])
    finish: inference_pb2.Finish = field(default_factory=inference_pb2.Finish)

    def add(self, delta: inference_pb2.Delta) -> None:
        """Takes more of it."""
        self.content.append(delta.text)
        self.reasoning.append(delta.reasoning)
        self.logprobs.extend(delta.logprobs)
        for piece in delta.tool_calls:
            call = self.calls.setdefault(piece.index, inference_pb2.ToolCall())
            call.id = call.id or piece.id
            call.name = call.name or piece.name
            call.arguments += piece.arguments

    def begin_anew(self) -> Message:
        """What was said so far, without calls: from here on it is another message. Calls are of the
        last one."""
        said = Message(role=Message.ASSISTANT, content=self.text, reasoning=self.thoughts)
        self.content.clear()
        self.reasoning.clear()
        self.logprobs.clear()
        return said

    @property
    def text(self) -> str:
        """Its content."""
        return "".join(self.content)

    @property
    def thoughts(self) -> str:
        """Its reasoning."""
        return "".join(self.reasoning)

    @property
    def message(self) -> inference_pb2.Message:
        """As the message of a chat."""
        return inference_pb2.Message(
            role=inference_pb2.Message.ASSISTANT,
            content=self.text,
            reasoning=self.thoughts,
            tool_calls=[call for _, call in sorted(self.calls.items())],
        )


@dataclass(frozen=True, slots=True)
class Completed:
    """A generation's whole texts, at least one, and what they took together."""

    id: str
    model: str
    texts: tuple[Text, ...]
    usage: inference_pb2.Usage
    timings: inference_pb2.Timings
    prompt_logprobs: tuple[TokenLogprob, ...]
    """The prompt's tokens, if they were asked for."""
    device_ids: tuple[str, ...]
    """Where it was computed."""
    steps: tuple[ToolStep, ...] = ()
    """The calls that the server has made."""
    step_messages: tuple[Message, ...] = ()
    """What was said before, with these calls and their results."""


class Texts:
    """Takes a generation's events."""

    def __init__(self) -> None:
        self._start = inference_pb2.Start()
        self._texts: dict[int, Text] = {}
        self._prompt_logprobs: tuple[TokenLogprob, ...] = ()
        self._steps = Steps()

    def add(self, event: GenerationEvent) -> None:
        """Takes the next event."""
        match event.WhichOneof("event"):
            case "start":
                self._start = event.start
            case "delta":
                self._text(event.choice).add(event.delta)
            case "finish":
                self._text(event.choice).finish = event.finish
            case "prompt_logprobs":
                self._prompt_logprobs = tuple(event.prompt_logprobs.tokens)
            case "tool_step":
                self._steps.take(event.tool_step, self._text(event.choice))
            case _:
                pass

    def completed(self) -> Completed:
        """All of it, when the last event has come."""
        texts = tuple(text for _, text in sorted(self._texts.items()))
        finishes = [text.finish for text in texts]
        return Completed(
            self._start.id,
            self._start.model,
            texts,
            _usage(finishes),
            _timings(finishes),
            self._prompt_logprobs,
            tuple(self._start.device_ids),
            tuple(self._steps.steps),
            tuple(self._steps.messages),
        )

    def _text(self, choice: int) -> Text:
        return self._texts.setdefault(choice, Text())


def _usage(finishes: list[inference_pb2.Finish]) -> inference_pb2.Usage:
    """The prompt's tokens once, and those of all texts."""
    total = inference_pb2.Usage()
    total.CopyFrom(finishes[0].usage)
    for finish in finishes[1:]:
        total.completion_tokens += finish.usage.completion_tokens
        total.reasoning_tokens += finish.usage.reasoning_tokens
        total.drafted_tokens += finish.usage.drafted_tokens
        total.accepted_tokens += finish.usage.accepted_tokens
    total.total_tokens = total.prompt_tokens + total.completion_tokens
    return total


def _timings(finishes: list[inference_pb2.Finish]) -> inference_pb2.Timings:
    return inference_pb2.Timings(
        queue_ms=max(finish.timings.queue_ms for finish in finishes),
        prompt_ms=max(finish.timings.prompt_ms for finish in finishes),
        decode_ms=max(finish.timings.decode_ms for finish in finishes),
    )
