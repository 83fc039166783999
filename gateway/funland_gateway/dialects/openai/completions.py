"""`/v1/completions`: OpenAI's text completion as `Generate`, `StreamGenerate`, `BatchGenerate`."""

from __future__ import annotations

import re
from functools import partial
from typing import ClassVar, Final

from funland.v1 import inference_pb2
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Together, Unary, json_reply
from funland_gateway.dialects.finish import FINISH_REASONS
from funland_gateway.dialects.openai.answers import Choice, Chunks, added, head, usage
from funland_gateway.dialects.openai.generation import Generation, read_generation
from funland_gateway.dialects.openai.logprobs import TextLogprobs
from funland_gateway.dialects.openai.parameters import (
    COMPLETION_REFUSALS,
    refuse,
    texts,
    wants_usage,
)
from funland_gateway.dialects.openai.timings import timings_of
from funland_gateway.dialects.reading import JsonObject, invalid, unsupported
from funland_gateway.dialects.rpcs import BATCH_GENERATE, GENERATE, STREAM_GENERATE
from funland_gateway.failures import CallFailed

DEFAULT_MAX_TOKENS: Final = 16
"""OpenAI's own, which its clients count on."""

_ID_PREFIX: Final = "cmpl-"
_MOST_PROMPTS: Final = 256  # as many as BatchGenerate takes


def create_completion(incoming: Incoming) -> Unary | Streaming | Together:
    """Reads a completion request."""
    body = incoming.body
    refuse(body, COMPLETION_REFUSALS)
    generation = _generation(body)
    prompts = texts(body, "prompt")
    echoed = prompts if _echo(body) else []
    requests = [_request(body, prompt, generation) for prompt in prompts]
    single = isinstance(body.raw("prompt"), str)
    blames = generation.blames("prompt")
    if body.boolean("stream"):
        if not 0 < len(prompts) <= _MOST_PROMPTS:
            raise invalid(body.path_of("prompt"), f"must have 1 to {_MOST_PROMPTS} items")
        shape = _TextChoices(generation, echoed)
        chunks = Chunks(shape, incoming.time, wants_usage(body), generation.n)
        names = [
            partial(_field_name, generation, "prompt" if single else f"prompt[{index}]")
            for index in range(len(requests))
        ]
        parts = [
            chunks.call(STREAM_GENERATE, request, name, blames)
            for request, name in zip(requests, names, strict=True)
        ]
        return parts[0] if len(parts) == 1 else Together(tuple(parts))
    answer = partial(_completion, incoming.time, generation, echoed)
    if single:
        name = partial(_field_name, generation, "prompt")
        return Unary(GENERATE, requests[0], lambda response: answer([response]), name, blames)
    return Unary(
        BATCH_GENERATE,
        inference_pb2.BatchGenerateRequest(requests=requests),
        lambda response: answer(_responses(response)),
        partial(_batch_field_name, generation),
        blames,
    )


def _generation(body: JsonObject) -> Generation:
    generation = read_generation(body, _top_logprobs(body), "logprobs")
    best_of = body.integer("best_of")
    if best_of is not None and best_of > generation.n:
        raise unsupported(body.path_of("best_of"), "no more texts are made than n.")
    sampling = generation.sampling.parameters
    if not sampling.HasField("max_tokens"):
        sampling.max_tokens = DEFAULT_MAX_TOKENS
    return generation


def _top_logprobs(body: JsonObject) -> int | None:
    """How many of the likeliest tokens to tell; `false`, as in a chat, is none at all."""
    return None if body.raw("logprobs") is False else body.integer("logprobs")


def _echo(body: JsonObject) -> bool:
    echo = bool(body.boolean("echo"))
    if echo and _top_logprobs(body) is not None:
        raise unsupported(body.path_of("echo"), "there are no logprobs of the prompt.")
    return echo


def _request(
    body: JsonObject, prompt: str, generation: Generation
) -> inference_pb2.GenerateRequest:
    return inference_pb2.GenerateRequest(
        model=body.optional_string("model"),
        prompt=prompt,
        sampling=generation.sampling.parameters,
        options=generation.options,
        format=generation.format,
    )


def _field_name(generation: Generation, prompt: str, path: str) -> str:
    return prompt if path == "prompt" else generation.field_name(path)


def _batch_field_name(generation: Generation, path: str) -> str:
    """`requests[1].prompt` is `prompt[1]` here; all else is the same for all prompts."""
    if path == "requests":
        return "prompt"
    path = re.sub(r"^requests\[(\d+)\]\.prompt", r"prompt[\1]", path)
    return generation.field_name(re.sub(r"^requests\[\d+\]\.", "", path))


def _responses(
    response: inference_pb2.BatchGenerateResponse,
) -> list[inference_pb2.GenerateResponse]:
    for result in response.results:
        if result.HasField("error"):
            # OpenAI's shape has no place for an error beside answers.
            raise CallFailed(result.error)
    return [result.response for result in response.results]


def _completion(
    created: int,
    generation: Generation,
    echoed: list[str],
    responses: list[inference_pb2.GenerateResponse],
) -> Reply:
    shape = _TextChoices(generation, echoed)
    texts = [text for each in responses for text in (each, *each.alternatives)]
    return json_reply(
        {
            **head(_ID_PREFIX + responses[0].id, shape.kind, created, responses[0].model),
            "choices": [shape.whole(index, text) for index, text in enumerate(texts)],
            "usage": usage(added(response.usage for response in responses)),
            **(timings_of(responses[0]) if len(responses) == 1 else {}),
        }
    )


class _TextChoices:
    """The choices of a completion, whole and of its chunks."""

    id_prefix: ClassVar[str] = _ID_PREFIX
    kind: ClassVar[str] = "text_completion"

    def __init__(self, generation: Generation, echoed: list[str]) -> None:
        self._n = generation.n
        self._echoed = echoed
        self._wants_logprobs = generation.wants_logprobs
        self._logprobs: dict[int, TextLogprobs] = {}

    def whole(
        self,
        index: int,
        text: inference_pb2.GenerateResponse | inference_pb2.AlternativeText,
    ) -> Choice:
        """A choice that is complete."""
        choice = self._choice(index, self._echo(index) + text.text, text.finish_reason)
        if self._wants_logprobs:
            choice["logprobs"] = TextLogprobs().of(text.logprobs)
        return choice

    def first(self, index: int) -> Choice | None:
        """See `ChoiceShape`."""
        return self._choice(index, self._echo(index)) if self._echoed else None

    def more(self, index: int, delta: inference_pb2.Delta) -> tuple[Choice, ...]:
        """See `ChoiceShape`."""
        choice = self._choice(index, delta.text)
        if self._wants_logprobs and delta.logprobs:
            logprobs = self._logprobs.setdefault(index, TextLogprobs())
            choice["logprobs"] = logprobs.of(delta.logprobs)
        return (choice,)

    def last(self, index: int, reason: int) -> Choice:
        """See `ChoiceShape`."""
        return self._choice(index, "", reason)

    def _echo(self, index: int) -> str:
        return self._echoed[index // self._n] if self._echoed else ""

    def _choice(self, index: int, text: str, reason: int | None = None) -> dict[str, object]:
        finish_reason = None if reason is None else FINISH_REASONS.get(reason)
        return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}
