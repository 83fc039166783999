"""What a generation's spans say: of its usage and timings, and never of its texts.

The names are those of OpenTelemetry's conventions for generative AI; what these have no name for
begins with `funland.`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from funland.v1.inference_pb2 import Finish, Timings
from funland.worker.v1.worker_pb2 import Submit
from funland_server.tracing.spans import Attributes, Value

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FIRST: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
CACHED_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
CHOICES: Final = "gen_ai.request.choice.count"
CHOICE: Final = "funland.choice"

_NANOS: Final = 1_000_000
"""In a millisecond."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a generation. Times are in nanoseconds since 1970."""

    name: str
    begin: int
    end: int
    attributes: Attributes


def operation(submit: Submit) -> str:
    """What is done, as the conventions name it."""
    return (
        "chat" if submit.WhichOneof("input") in ("conversation", "message") else "text_completion"
    )


def asked(name: str, model: str, submit: Submit) -> dict[str, Value]:
    """What a generation's span says from its beginning on."""
    told: dict[str, Value] = {**of_model(name, model)}
    if submit.sampling.HasField("max_tokens"):
        told[MAX_TOKENS] = submit.sampling.max_tokens
    if submit.options.n > 1:
        told[CHOICES] = submit.options.n
    return told


def of_model(name: str, model: str) -> dict[str, Value]:
    """What is said of whatever a model does. Its id alone: how a caller called it may be a path."""
    return {
        OPERATION: name, PROVIDER: "funland", REQUEST_MODEL: model, RESPONSE_MODEL: model,
    }  # fmt: skip


def answered(finishes: dict[int, Finish]) -> dict[str, Value]:
    """What it says at its end, of those of its texts that ended."""
    if not finishes:
        return {}
    usages = [finish.usage for finish in finishes.values()]
    reasons = [Finish.Reason.Name(finish.reason) for _, finish in sorted(finishes.items())]
    told: dict[str, Value] = {
        INPUT_TOKENS: max(usage.prompt_tokens for usage in usages),
        CACHED_TOKENS: max(usage.cached_prompt_tokens for usage in usages),
        OUTPUT_TOKENS: sum(usage.completion_tokens for usage in usages),
        FINISH_REASONS: [reason.lower() for reason in reasons],
    }
    if reasoning := sum(usage.reasoning_tokens for usage in usages):
        told[REASONING_TOKENS] = reasoning
    return told


def phases(begin: int, end: int, choice: int, timings: Timings) -> tuple[Phase, ...]:
    """The parts of a text whose `Timings` came at `end`, of a generation that began at `begin`: the
    worker's clock tells how long they took, ours when that was. None begins before the generation.
    The prompt is computed once for all texts, and is among the first's."""
    decoding = max(begin, end - round(timings.decode_ms * _NANOS))
    decode = Phase("decode", decoding, end, {CHOICE: choice})
    if choice:
        return (decode,)
    prompt = max(begin, decoding - round(timings.prompt_ms * _NANOS))
    queue = max(begin, prompt - round(timings.queue_ms * _NANOS))
    return (Phase("queue", queue, prompt, {}), Phase("prompt", prompt, decoding, {}), decode)


def unfinished(begin: int, first: int | None, end: int) -> tuple[Phase, ...]:
    """The parts of a generation that was broken off, as far as they are known here: `first` is when
    its first token came."""
    if first is None:
        return (Phase("queue and prompt", begin, end, {}),)
    return (Phase("queue and prompt", begin, first, {}), Phase("decode", first, end, {}))
