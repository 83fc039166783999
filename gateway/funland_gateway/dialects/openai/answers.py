"""What OpenAI's answers have in common: usage, the head, and the chunks of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, ClassVar, Final, Protocol

import orjson
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import TokenLogprob
from funland_gateway.dialects.dialect import Blames, Streaming
from funland_gateway.dialects.openai.timings import devices_of, progress_of, timings_of

SYSTEM_FINGERPRINT: Final = f"funland-{version('funland')}"

DONE: Final = b"[DONE]"

Choice = Mapping[str, Any]


def usage(tokens: inference_pb2.Usage) -> dict[str, Any]:
    """OpenAI's `usage`."""
    return {
        "prompt_tokens": tokens.prompt_tokens,
        "completion_tokens": tokens.completion_tokens,
        "total_tokens": tokens.total_tokens,
        "prompt_tokens_details": {"cached_tokens": tokens.cached_prompt_tokens},
        "completion_tokens_details": {
            "reasoning_tokens": tokens.reasoning_tokens,
            "accepted_prediction_tokens": tokens.accepted_tokens,
            "rejected_prediction_tokens": tokens.drafted_tokens - tokens.accepted_tokens,
        },
    }


def added(usages: Iterable[inference_pb2.Usage]) -> inference_pb2.Usage:
    """What several calls took together."""
    total = inference_pb2.Usage()
    for each in usages:
        for field in inference_pb2.Usage.DESCRIPTOR.fields:
            setattr(total, field.name, getattr(total, field.name) + getattr(each, field.name))
    return total


def head(id_: str, kind: str, created: int, model: str) -> dict[str, Any]:
    """The fields that every answer and every chunk begins with."""
    return {
        "id": id_,
        "object": kind,
        "created": created,
        "model": model,
        "system_fingerprint": SYSTEM_FINGERPRINT,
    }


class ChoiceShape(Protocol):
    """How the choices of one stream's chunks look. It is one answer's own, so it may remember."""

    id_prefix: ClassVar[str]
    """What the answer's id begins with."""
    kind: ClassVar[str]
    """The chunks' `object`."""

    def first(self, index: int) -> Choice | None:
        """A choice before any text; None: there is none."""
        ...

    def more(self, index: int, delta: inference_pb2.Delta) -> Sequence[Choice]:
        """Choices that carry more of a text, each for a chunk of its own."""
        ...

    def last(self, index: int, reason: int) -> Choice:
        """A choice that carries a `Finish.Reason`; unspecified: the text goes on."""
        ...


@dataclass(slots=True)
class _Call:
    """One of the calls of an answer."""

    first_choice: int
    unfinished: int


class Chunks:
    """Makes the chunks of one answer, of one call or of several at once with `n` texts each."""

    def __init__(
        self,
        shape: ChoiceShape,
        created: int,
        include_usage: bool,
        n: int = 1,
        told: Mapping[str, Any] | None = None,
        *,
        prompt: Callable[[int, Sequence[TokenLogprob]], Choice] | None = None,
        prefill: bool = False,
    ) -> None:
        """`told` is what the first chunk has beside its choice; `prompt` makes a choice that tells
        a prompt's tokens, where they are asked for; with `prefill`, chunks tell how far it is
        computed."""
        self._shape = shape
        self._prompt = prompt
        self._prefill = prefill
        self._include_usage = include_usage
        self._n = n
        self._told = told
        self._calls: list[_Call] = []
        self._head = head("", shape.kind, created, "")
        self._devices: dict[str, Any] = {}
        self._total = inference_pb2.Finish()

    def call(
        self,
        rpc: MethodDescriptor,
        message: Message,
        field_name: Callable[[str], str],
        blames: Blames,
    ) -> Streaming:
        """One more call for the answer; its texts are the next `n` choices."""
        call = _Call(len(self._calls) * self._n, self._n)
        self._calls.append(call)
        return Streaming(
            rpc,
            message,
            partial(self._events, call),
            field_name,
            is_last=lambda _event: call.unfinished == 0,
            blames=blames,
        )

    def _events(self, call: _Call, event: inference_pb2.GenerationEvent) -> Iterator[bytes]:
        """The data for one event; none for kinds that are not known here."""
        index = call.first_choice + event.choice
        match event.WhichOneof("event"):
            case "start":
                if not self._head["id"]:
                    self._head["id"] = self._shape.id_prefix + event.start.id
                    self._head["model"] = event.start.model
                    self._devices = devices_of(event.start.device_ids)
                for choice in range(index, index + self._n):
                    first = self._shape.first(choice)
                    if first is not None:
                        yield self._chunk([first], self._told)
                        self._told = None
            case "prompt_logprobs" if self._prompt is not None:
                for choice in range(index, index + self._n):
                    yield self._chunk([self._prompt(choice, event.prompt_logprobs.tokens)])
            case "delta":
                for choice in self._shape.more(index, event.delta):
                    yield self._chunk([choice])
            case "prefill" if self._prefill:
                nothing = self._shape.last(index, inference_pb2.Finish.REASON_UNSPECIFIED)
                yield self._chunk([nothing], {"prompt_progress": progress_of(event.prefill)})
            case "finish":
                yield from self._finished(call, index, event)
            case _:
                pass

    def _finished(
        self, call: _Call, index: int, event: inference_pb2.GenerationEvent
    ) -> Iterator[bytes]:
        """The end of a text, and behind the last of them that of the answer."""
        finish = event.finish
        told = {**timings_of(finish), **self._devices}
        yield self._chunk([self._shape.last(index, finish.reason)], told)
        self._count(finish, with_prompt=event.choice == 0)
        call.unfinished -= 1
        if any(each.unfinished for each in self._calls):
            return
        if self._include_usage:
            told = {"usage": usage(self._total.usage), **timings_of(self._total)}
            yield self._chunk([], told)
        yield DONE

    def _count(self, finish: inference_pb2.Finish, with_prompt: bool) -> None:
        """The prompt of a call is computed once for all its texts, and counted with the first."""
        tokens = finish.usage
        if not with_prompt:
            tokens = inference_pb2.Usage(
                completion_tokens=tokens.completion_tokens,
                total_tokens=tokens.completion_tokens,
                reasoning_tokens=tokens.reasoning_tokens,
                drafted_tokens=tokens.drafted_tokens,
                accepted_tokens=tokens.accepted_tokens,
            )
        total = self._total
        total.usage.CopyFrom(added((total.usage, tokens)))
        if finish.HasField("timings"):  # as those of an answer that isn't streamed: the longest
            for name in ("queue_ms", "prompt_ms", "decode_ms"):
                longest = max(getattr(total.timings, name), getattr(finish.timings, name))
                setattr(total.timings, name, longest)

    def _chunk(self, choices: list[Choice], more: Mapping[str, Any] | None = None) -> bytes:
        chunk = {**self._head, "choices": choices}
        # With include_usage every chunk has the field: null, but for the last.
        if self._include_usage:
            chunk["usage"] = None
        if more:
            chunk.update(more)
        return orjson.dumps(chunk)
