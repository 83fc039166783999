"""`generate`, plain, streamed and in batches: `Generate`, `StreamGenerate`, `BatchGenerate`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from funland.v1 import inference_pb2
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Unary, json_reply
from funland_gateway.dialects.finish import FINISH_REASONS
from funland_gateway.dialects.inference.errors import error_body
from funland_gateway.dialects.prompts import as_message, read_prompt
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.rpcs import BATCH_GENERATE, GENERATE, STREAM_GENERATE
from funland_gateway.dialects.sampling import EVERY_PARAMETER, read_sampling

DEFAULT_MAX_TOKENS: Final = 512
"""What the document's examples ask for."""

DEFAULT_MODEL: Final = "default"
"""The document's name for the default model."""


def generate(incoming: Incoming) -> Unary | Streaming:
    """Reads a request; with `"stream": true` it is answered as by `generate/stream`."""
    if incoming.body.boolean("stream"):
        return generate_stream(incoming)
    return Unary(GENERATE, _request(incoming.body), _generated, _field_name)


def generate_stream(incoming: Incoming) -> Streaming:
    """Reads a request whose answer is streamed."""
    return Streaming(STREAM_GENERATE, _request(incoming.body), _events, _field_name)


def generate_batch(incoming: Incoming) -> Unary:
    """Reads a batch of requests."""
    requests = [_request(body) for body in incoming.body.objects("requests")]
    message = inference_pb2.BatchGenerateRequest(requests=requests)
    return Unary(BATCH_GENERATE, message, _batch, _field_name)


def _request(body: JsonObject) -> inference_pb2.GenerateRequest:
    model = body.optional_string("model")
    sampling = read_sampling(body, EVERY_PARAMETER).parameters
    if not sampling.HasField("max_tokens"):
        sampling.max_tokens = DEFAULT_MAX_TOKENS
    return inference_pb2.GenerateRequest(
        model="" if model == DEFAULT_MODEL else model,
        prompt=read_prompt(body),
        sampling=sampling,
        as_message=as_message(body),
    )


def _field_name(path: str) -> str:
    """The parameters stand beside the prompt here: `sampling.top_p` is `top_p`."""
    return re.sub(r"\bsampling\.", "", path)


def _generated(response: inference_pb2.GenerateResponse) -> Reply:
    return json_reply(_result(response))


def _batch(response: inference_pb2.BatchGenerateResponse) -> Reply:
    return json_reply(
        {
            "results": [
                error_body(result.error) if result.HasField("error") else _result(result.response)
                for result in response.results
            ]
        }
    )


def _result(response: inference_pb2.GenerateResponse) -> dict[str, Any]:
    outcome = _outcome(response.finish_reason, response.usage, response.timings)
    return {"text": response.text, **_thinking(response.reasoning), **outcome}


def _events(event: inference_pb2.GenerationEvent) -> Iterator[bytes]:
    match event.WhichOneof("event"):
        case "delta":
            thinking = _thinking(event.delta.reasoning)
            yield orjson.dumps({"token": event.delta.text, **thinking, "finished": False})
        case "finish":
            # Held back until it is known to be the last, a token would come a step late.
            finish = event.finish
            outcome = _outcome(finish.reason, finish.usage, finish.timings)
            yield orjson.dumps({"token": "", "finished": True, **outcome})
        case _:
            pass


def _thinking(reasoning: str) -> dict[str, str]:
    """What the document does not know, under Ollama's name, and only from models that think."""
    return {"thinking": reasoning} if reasoning else {}


def _outcome(
    reason: inference_pb2.Finish.Reason.ValueType,
    usage: inference_pb2.Usage,
    timings: inference_pb2.Timings,
) -> dict[str, Any]:
    milliseconds = timings.queue_ms + timings.prompt_ms + timings.decode_ms
    return {
        "usage": {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
        },
        "latency": round(milliseconds / 1000, 6),
        "finish_reason": FINISH_REASONS[reason],
    }
