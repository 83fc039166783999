"""What Ollama's chats and generations have in common: how to choose, what to make, what to tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from funland.v1.inference_pb2 import (
    ChatResponse,
    Finish,
    GenerateResponse,
    GenerationOptions,
    OutputFormat,
    TokenLogprob,
)
from funland_gateway.dialects.dialect import Blames, Incoming, Reply, json_reply
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.ollama.durations import Stopwatch
from funland_gateway.dialects.ollama.loading import Stay, read_stay
from funland_gateway.dialects.ollama.names import asked_name, plain
from funland_gateway.dialects.ollama.options import Options, read_options
from funland_gateway.dialects.openai.fates import unless_empty
from funland_gateway.dialects.openai.formats import json_object, json_schema
from funland_gateway.dialects.openai.generation import generation_blames
from funland_gateway.dialects.openai.logprobs import chat_logprobs
from funland_gateway.dialects.reading import JsonObject, invalid, malformed, unsupported
from funland_gateway.dialects.times import utc

EFFORTS: Final = ("low", "medium", "high", "max")
"""How much thought is wanted, in Ollama's words."""

_FORMAT: Final = "format"
_REASONS: Final[Mapping[int, str]] = {
    Finish.STOP: "stop",
    Finish.LENGTH: "length",
    Finish.TOOL_CALLS: "stop",
}


@dataclass(frozen=True, slots=True)
class Head:
    """What every answer and every line of a stream begins with."""

    model: str
    """As it was asked for."""
    created: str

    def line(self, told: Mapping[str, Any], *, done: bool = False) -> dict[str, Any]:
        """A line, or a whole answer."""
        return {"model": self.model, "created_at": self.created, **told, "done": done}


@dataclass(frozen=True, slots=True)
class Thinking:
    """Whether the model thinks before it answers."""

    wanted: bool | None = None
    """None: as its template has it."""
    template_arguments: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request says beside its prompt."""

    head: Head
    model: str
    """As the contract knows it."""
    streams: bool
    options: Options
    stay: Stay
    format: OutputFormat | None
    run: GenerationOptions | None
    thinking: Thinking
    watch: Stopwatch = field(default_factory=Stopwatch)

    @property
    def wants_logprobs(self) -> bool:
        """Whether the tokens are to be told."""
        return self.run is not None

    def field_name(self, names: Mapping[str, str], path: str) -> str:
        """What the request calls a field of the contract; `names` are those of its prompt."""
        return renamed(self.options.field_name(path), {**_NAMES, **names})

    def answer(
        self, told: Mapping[str, Any], ended: ChatResponse | GenerateResponse | Finish, reason: int
    ) -> dict[str, Any]:
        """The last line of a stream, or a whole answer."""
        line = self.head.line(told, done=True)
        return {**line, "done_reason": _REASONS[reason], **self.watch.figures(ended)}

    def unasked(self, told: Mapping[str, Any], reason: str) -> Reply:
        """The answer to a request that only loads or unloads the model."""
        line = self.head.line(told, done=True)
        return json_reply({**line, "done_reason": reason, **self.watch.total()})


_NAMES: Final = {
    "options.top_logprobs": "top_logprobs",
    "format": _FORMAT,
    "format.json_schema": _FORMAT,
    "reasoning": "think",
    "template_arguments": "think",
}


def read_asked(incoming: Incoming) -> Asked:
    """Reads what both requests have."""
    body = incoming.body
    name = asked_name(body)
    options = read_options(body)
    return Asked(
        head=Head(name, utc(incoming.time)),
        model=plain(name),
        streams=body.boolean("stream") is not False,
        options=options,
        stay=read_stay(body, options),
        format=_format(body),
        run=_run(body),
        thinking=_thinking(body),
    )


def blames(prompt: str) -> Blames:
    """The field that is to blame, by reasons; `prompt` holds what is answered."""
    return generation_blames(prompt, _FORMAT)


def refuse(body: JsonObject, refused: Mapping[str, str]) -> None:
    """Fails on the first field that asks for what can't be had; `refused` says why."""
    empty = unless_empty()
    for name, why in refused.items():
        if empty.asks(body.raw(name)):
            raise unsupported(body.path_of(name), why)


def logprobs(tokens: Sequence[TokenLogprob]) -> dict[str, Any]:
    """Those of the text's tokens; nothing if there are none."""
    told = chat_logprobs(tokens)["content"]
    return {"logprobs": told} if told else {}


def thought(text: str) -> dict[str, str]:
    """What the model thought, where it tells."""
    return {"thinking": text} if text else {}


def _format(body: JsonObject) -> OutputFormat | None:
    value = body.raw(_FORMAT)
    if value in (None, ""):
        return None
    if value == "json":
        return json_object()
    if not isinstance(value, dict):
        raise invalid(body.path_of(_FORMAT), 'must be "json" or a JSON Schema, as an object')
    return json_schema(body, _FORMAT)


def _run(body: JsonObject) -> GenerationOptions | None:
    likeliest = body.integer("top_logprobs")
    if body.boolean("logprobs"):
        return GenerationOptions(top_logprobs=likeliest or 0)
    if likeliest:
        raise invalid(body.path_of("top_logprobs"), "needs logprobs to be true")
    return None


def _thinking(body: JsonObject) -> Thinking:
    value, path = body.raw("think"), body.path_of("think")
    if value is None or isinstance(value, bool):
        return Thinking(value)
    if not isinstance(value, str):
        raise malformed(path, f"true, false or one of {', '.join(EFFORTS)}")
    if value not in EFFORTS:
        raise invalid(path, f"must be true, false or one of {', '.join(EFFORTS)}")
    return Thinking(wanted=True, template_arguments=_effort(value))


def _effort(word: str) -> str:
    return orjson.dumps({"reasoning_effort": word}).decode()
