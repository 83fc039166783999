"""`/v1/completions`: OpenAI's text completion as `Generate`, `StreamGenerate`, `BatchGenerate`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from funland.v1 import errors_pb2, inference_pb2
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Together, Unary, json_reply
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.answers import Chunks, added, head, usage
from funland_gateway.dialects.openai.completion_choices import ID_PREFIX, TextChoices
from funland_gateway.dialects.openai.generation import Generation, read_generation
from funland_gateway.dialects.openai.inputs import Input, read_inputs
from funland_gateway.dialects.openai.logprobs import Echo
from funland_gateway.dialects.openai.parameters import COMPLETION_REFUSALS, refuse, wants_usage
from funland_gateway.dialects.openai.timings import devices_of, timings_of
from funland_gateway.dialects.reading import JsonObject, invalid, unsupported
from funland_gateway.dialects.rpcs import BATCH_GENERATE, GENERATE, STREAM_GENERATE
from funland_gateway.failures import CallFailed

DEFAULT_MAX_TOKENS: Final = 16
"""OpenAI's own, which its clients count on."""

MOST_PROMPTS: Final = 256
"""As many as BatchGenerate takes."""


def create_completion(incoming: Incoming) -> Unary | Streaming | Together:
    """Reads a completion request."""
    body = incoming.body
    refuse(body, COMPLETION_REFUSALS)
    generation = _generation(body)
    suffix = body.optional_string("suffix")
    prompts = read_inputs(body, "prompt", MOST_PROMPTS, may_be_empty=bool(suffix))
    if suffix:
        _refuse_beside_suffix(body, generation, prompts)
    echoes = _echoes(generation, prompts) if body.boolean("echo") else None
    requests = [_request(body, prompt, suffix, generation) for prompt in prompts]
    for request, echo in zip(requests, echoes or (), strict=False):
        if echo is None or generation.wants_logprobs:
            request.options.prompt_logprobs = request.options.top_logprobs
    blames = {**generation.blames("prompt"), errors_pb2.TOKEN_UNKNOWN: "prompt"}
    shape = TextChoices(generation.n, generation.wants_logprobs, echoes)
    names = [partial(_field_name, generation, prompt) for prompt in prompts]
    if body.boolean("stream"):
        usage_too = wants_usage(body)
        chunks = Chunks(
            shape,
            incoming.time,
            usage_too,
            generation.n,
            prompt=shape.prompt,
            prefill=generation.tells_prefill,
        )
        parts = [
            chunks.call(STREAM_GENERATE, request, name, blames)
            for request, name in zip(requests, names, strict=True)
        ]
        return parts[0] if len(parts) == 1 else Together(tuple(parts))
    answer = partial(_completion, incoming.time, shape)
    if len(requests) == 1:
        return Unary(GENERATE, requests[0], lambda each: answer([each]), names[0], blames)
    return Unary(
        BATCH_GENERATE,
        inference_pb2.BatchGenerateRequest(requests=requests),
        lambda response: answer(_responses(response)),
        partial(_batch_field_name, names),
        blames,
    )


def _generation(body: JsonObject) -> Generation:
    generation = read_generation(body, _top_logprobs(body), "logprobs")
    best_of = body.integer("best_of")
    if best_of is not None and best_of > generation.n:
        raise unsupported(body.path_of("best_of"), "no more texts are made than n.")
    if "max_tokens" not in generation.sampling.names:
        generation.sampling.parameters.max_tokens = DEFAULT_MAX_TOKENS
    return generation


def _refuse_beside_suffix(
    body: JsonObject, generation: Generation, prompts: Sequence[Input]
) -> None:
    """What comes before a gap is no prompt of which tokens could be told, or be left out."""
    if tokens := next((prompt for prompt in prompts if prompt.tokens), None):
        raise invalid(tokens.path, "must be a text beside suffix")
    if body.boolean("echo") and generation.wants_logprobs:
        raise unsupported(body.path_of("logprobs"), "not with echo and suffix together.")


def _top_logprobs(body: JsonObject) -> int | None:
    """How many of the likeliest tokens to tell; `false`, as in a chat, is none at all."""
    return None if body.raw("logprobs") is False else body.integer("logprobs")


def _echoes(generation: Generation, prompts: Sequence[Input]) -> list[Echo]:
    """The texts of the prompts, where the request has them and all of them is read."""
    options = generation.options
    cut = options is not None and options.HasField("last_prompt_tokens")
    return [None if cut or prompt.tokens else prompt.text for prompt in prompts]


def _request(
    body: JsonObject, prompt: Input, suffix: str, generation: Generation
) -> inference_pb2.GenerateRequest:
    return inference_pb2.GenerateRequest(
        model=body.optional_string("model"),
        prompt=prompt.text,
        prompt_tokens=prompt.tokens,
        suffix=suffix,
        sampling=generation.sampling.parameters,
        options=generation.options,
        format=generation.format,
    )


def _field_name(generation: Generation, prompt: Input, path: str) -> str:
    """What the request calls a field of the call for one of its prompts."""
    named = renamed(path, {"prompt": prompt.path, "prompt_tokens": prompt.path})
    return generation.field_name(path) if named == path else named


def _batch_field_name(names: Sequence[Callable[[str], str]], path: str) -> str:
    """`requests[1].prompt_tokens[3]` is `prompt[1][3]` here; most is the same for all prompts."""
    match = re.fullmatch(r"requests\[(\d+)\]\.(.*)", path)
    return names[int(match[1])](match[2]) if match is not None else "prompt"


def _responses(
    response: inference_pb2.BatchGenerateResponse,
) -> list[inference_pb2.GenerateResponse]:
    for index, result in enumerate(response.results):
        if result.HasField("error"):
            # OpenAI's shape has no place for an error beside answers.
            for violation in result.error.field_violations:
                violation.field = f"requests[{index}].{violation.field}"
            raise CallFailed(result.error)
    return [result.response for result in response.results]


def _completion(
    created: int, shape: TextChoices, responses: Sequence[inference_pb2.GenerateResponse]
) -> Reply:
    choices = [
        (text, response.prompt_logprobs)
        for response in responses
        for text in (response, *response.alternatives)
    ]
    return json_reply(
        {
            **head(ID_PREFIX + responses[0].id, shape.kind, created, responses[0].model),
            "choices": [shape.whole(index, *choice) for index, choice in enumerate(choices)],
            "usage": usage(added(response.usage for response in responses)),
            **(timings_of(responses[0]) if len(responses) == 1 else {}),
            **devices_of(responses[0].device_ids),
        }
    )
