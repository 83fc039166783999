"""`/v1/completions`: OpenAI's text completion as `Generate`, `StreamGenerate`, `BatchGenerate`."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, Final

from funland.v1 import inference_pb2
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Unary, json_reply
from funland_gateway.dialects.finish import FINISH_REASONS
from funland_gateway.dialects.openai.answers import (
    SYSTEM_FINGERPRINT,
    Chunks,
    ChunkShape,
    usage,
)
from funland_gateway.dialects.openai.parameters import (
    COMPLETION_REFUSALS,
    read_openai_sampling,
    refuse,
    texts,
    wants_usage,
)
from funland_gateway.dialects.reading import JsonObject, unsupported
from funland_gateway.dialects.rpcs import BATCH_GENERATE, GENERATE, STREAM_GENERATE
from funland_gateway.dialects.sampling import Sampling
from funland_gateway.failures import CallFailed

DEFAULT_MAX_TOKENS: Final = 16
"""OpenAI's own, which its clients count on."""

_ID_PREFIX: Final = "cmpl-"


def create_completion(incoming: Incoming) -> Unary | Streaming:
    """Reads a completion request."""
    body = incoming.body
    refuse(body, COMPLETION_REFUSALS)
    sampling = _sampling(body)
    prompts = texts(body, "prompt")
    requests = [
        inference_pb2.GenerateRequest(
            model=body.optional_string("model"), prompt=prompt, sampling=sampling.parameters
        )
        for prompt in prompts
    ]
    if body.boolean("stream"):
        if len(requests) != 1:
            raise unsupported(body.path_of("prompt"), "a stream takes one prompt.")
        chunks = Chunks(_CHUNKS, incoming.time, wants_usage(body))
        return Streaming(STREAM_GENERATE, requests[0], chunks.of, sampling.field_name)
    if isinstance(body.raw("prompt"), str):
        answer = partial(_completion, incoming.time)
        return Unary(GENERATE, requests[0], answer, sampling.field_name)
    return Unary(
        BATCH_GENERATE,
        inference_pb2.BatchGenerateRequest(requests=requests),
        partial(_completions, incoming.time),
        partial(_batch_field_name, sampling),
    )


def _sampling(body: JsonObject) -> Sampling:
    sampling = read_openai_sampling(body)
    if not sampling.parameters.HasField("max_tokens"):
        sampling.parameters.max_tokens = DEFAULT_MAX_TOKENS
    return sampling


def _batch_field_name(sampling: Sampling, path: str) -> str:
    """`requests[1].prompt` is `prompt[1]` here; the parameters are the same for all prompts."""
    if path == "requests":
        return "prompt"
    path = re.sub(r"^requests\[(\d+)\]\.prompt", r"prompt[\1]", path)
    return sampling.field_name(re.sub(r"^requests\[\d+\]\.", "", path))


def _completion(created: int, response: inference_pb2.GenerateResponse) -> Reply:
    return _answer(created, [response], response.usage)


def _completions(created: int, response: inference_pb2.BatchGenerateResponse) -> Reply:
    total = inference_pb2.Usage()
    for result in response.results:
        if result.HasField("error"):
            # OpenAI's shape has no place for an error beside answers.
            raise CallFailed(result.error)
        total.prompt_tokens += result.response.usage.prompt_tokens
        total.completion_tokens += result.response.usage.completion_tokens
        total.total_tokens += result.response.usage.total_tokens
        total.cached_prompt_tokens += result.response.usage.cached_prompt_tokens
    return _answer(created, [result.response for result in response.results], total)


def _answer(
    created: int, responses: list[inference_pb2.GenerateResponse], total: inference_pb2.Usage
) -> Reply:
    return json_reply(
        {
            "id": _ID_PREFIX + responses[0].id,
            "object": "text_completion",
            "created": created,
            "model": responses[0].model,
            "system_fingerprint": SYSTEM_FINGERPRINT,
            "choices": [
                _choice(response.text, FINISH_REASONS[response.finish_reason], index)
                for index, response in enumerate(responses)
            ],
            "usage": usage(total),
        }
    )


def _choice(text: str, finish_reason: str | None, index: int = 0) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}


_CHUNKS: Final = ChunkShape(
    id_prefix=_ID_PREFIX,
    object_name="text_completion",
    first=None,
    text=lambda text: _choice(text, None),
    last=lambda reason: _choice("", reason),
)
