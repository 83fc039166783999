"""`inference/generate`: a prompt is answered."""

from __future__ import annotations

from typing import Final

from funland.v1.inference_pb2 import GenerateRequest, GenerateResponse
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.finish import FINISH_REASONS
from funland_gateway.dialects.prompts import as_message, read_prompt
from funland_gateway.dialects.rpcs import GENERATE
from funland_gateway.dialects.sampling import EVERY_PARAMETER, read_sampling

DEFAULT_MAX_TOKENS: Final = 512
"""What the document's example asks for."""


def generate(incoming: Incoming) -> Unary:
    """Asks for the answer to a prompt."""
    body = incoming.body
    sampling = read_sampling(body, EVERY_PARAMETER)
    if not sampling.parameters.HasField("max_tokens"):
        sampling.parameters.max_tokens = DEFAULT_MAX_TOKENS
    request = GenerateRequest(
        model=body.optional_string("model_id"),
        prompt=read_prompt(body),
        sampling=sampling.parameters,
        as_message=as_message(body),
    )

    def answer(response: GenerateResponse) -> Reply:
        return _answer(request.prompt, response)

    def field_name(path: str) -> str:
        return "model_id" if path == "model" else sampling.field_name(path)

    return Unary(GENERATE, request, answer, field_name)


def _answer(prompt: str, response: GenerateResponse) -> Reply:
    usage, timings = response.usage, response.timings
    return json_reply(
        {
            "id": response.id,
            "model": response.model,
            "prompt": prompt,
            "output": response.text,
            # What the document does not know, and only of models that think.
            **({"thinking": response.reasoning} if response.reasoning else {}),
            "usage": {
                "prompt_tokens": usage.prompt_tokens,
                "completion_tokens": usage.completion_tokens,
                "total_tokens": usage.total_tokens,
            },
            "latency_ms": round(timings.queue_ms + timings.prompt_ms + timings.decode_ms, 2),
            "finish_reason": FINISH_REASONS[response.finish_reason],
        }
    )
