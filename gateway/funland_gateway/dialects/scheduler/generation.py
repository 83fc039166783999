"""`llm/generate`, at once, as a task and streamed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

import orjson

from funland.v1.inference_pb2 import (
    GenerateRequest,
    GenerateResponse,
    GenerationEvent,
    GenerationOptions,
)
from funland.v1.tasks_pb2 import SubmitTaskRequest, Task, Work
from funland_gateway.dialects.dialect import Incoming, Reply, Streaming, Unary
from funland_gateway.dialects.prompts import as_message, read_prompt
from funland_gateway.dialects.reading import JsonObject, unsupported
from funland_gateway.dialects.rpcs import GENERATE, STREAM_GENERATE, SUBMIT_TASK
from funland_gateway.dialects.sampling import EVERY_PARAMETER, Sampling, read_sampling
from funland_gateway.dialects.scheduler.answers import done
from funland_gateway.dialects.scheduler.texts import generated, milliseconds, thinking
from funland_gateway.dialects.states import state_word

DEFAULT_MAX_TOKENS: Final = 500
"""What the document's example asks for."""

PARAMETERS: Final = {"stop_sequences": "stop", **EVERY_PARAMETER}
"""The contract's names by the document's, and all others as the contract calls them."""

FieldName = Callable[[str], str]


def generate(incoming: Incoming) -> Unary | Streaming:
    """Reads a request; with `"stream": true` it is answered as by `llm/generate/stream`."""
    if _parameters(incoming.body).boolean("stream"):
        return generate_stream(incoming)
    request, field_name = _request(incoming.body)

    def answer(response: GenerateResponse) -> Reply:
        return done(incoming, generated(response))

    return Unary(GENERATE, request, answer, field_name)


def generate_async(incoming: Incoming) -> Unary:
    """Reads a request that becomes a task."""
    parameters = _parameters(incoming.body)
    if parameters.boolean("stream"):
        raise unsupported(
            parameters.path_of("stream"),
            "a task has no stream: ask for its status, or generate with llm/generate/stream",
        )
    request, field_name = _request(incoming.body)

    def answer(task: Task) -> Reply:
        data = {
            "task_id": task.task_id,
            "status": state_word(task.state),
            "message": "Task submitted successfully",
        }
        return done(incoming, data, task_id=task.task_id)

    return Unary(SUBMIT_TASK, SubmitTaskRequest(work=Work(generate=request)), answer, field_name)


def generate_stream(incoming: Incoming) -> Streaming:
    """Reads a request whose answer is streamed."""
    request, field_name = _request(incoming.body)
    # The tokens of each event are told with how likely they were, which says how many there are.
    request.options.CopyFrom(GenerationOptions(top_logprobs=0))
    return Streaming(STREAM_GENERATE, request, _Events(), field_name)


class _Events:
    """The events of one stream, with how many tokens there were so far."""

    def __init__(self) -> None:
        self._tokens = 0

    def __call__(self, event: GenerationEvent) -> Iterator[bytes]:
        match event.WhichOneof("event"):
            case "delta":
                delta = event.delta
                self._tokens += len(delta.logprobs)
                if delta.text or delta.reasoning:
                    text = {"text": delta.text, **thinking(delta.reasoning)}
                    yield orjson.dumps({**text, "token_count": self._tokens, "finished": False})
            case "finish":
                # Held back until it is known to be the last, a text would come a step late.
                yield orjson.dumps(
                    {
                        "text": "",
                        "token_count": event.finish.usage.completion_tokens,
                        "finished": True,
                        "execution_time_ms": milliseconds(event.finish.timings),
                    }
                )
            case _:
                pass


def _request(body: JsonObject) -> tuple[GenerateRequest, FieldName]:
    """What is asked for, and what it calls the contract's fields."""
    sampling = read_sampling(_parameters(body), PARAMETERS)
    parameters = sampling.parameters
    if not parameters.HasField("max_tokens"):
        parameters.max_tokens = DEFAULT_MAX_TOKENS
    request = GenerateRequest(
        model=body.optional_string("model"),
        prompt=read_prompt(body),
        sampling=parameters,
        as_message=as_message(body),
    )
    return request, _field_name(sampling)


def _parameters(body: JsonObject) -> JsonObject:
    return body.object("parameters") or JsonObject({}, "parameters")


def _field_name(sampling: Sampling) -> FieldName:
    """The parameters stand in an object of their own: `sampling.stop` is
    `parameters.stop_sequences`."""

    def name(path: str) -> str:
        inner = path.removeprefix("work.generate.")
        called = re.sub(r"^sampling\.", "parameters.", inner)
        told = sampling.field_name(inner)
        return called if told == inner else f"parameters.{told}"

    return name
