"""Between the worker protocol's messages and the engine's values."""

from __future__ import annotations

from collections.abc import Iterable

from funland.v1 import inference_pb2
from funland.v1.inference_pb2 import Finish, SamplingParameters, Timings, Usage
from funland.worker.v1 import worker_pb2
from funland_worker.engines.loaded import Loaded
from funland_worker.engines.protocol import (
    EngineError,
    Outcome,
    Prefill,
    Sampling,
    StepReport,
    TokenLogprob,
)

_OPTIONAL = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "penalty_window",
    "seed",
    "max_tokens",
    "ignore_end",
    "min_tokens",
    "include_stop",
)


def sampling_from_wire(parameters: SamplingParameters) -> Sampling:
    """The parameters with defaults for what is unset."""
    given = {name: getattr(parameters, name) for name in _OPTIONAL if parameters.HasField(name)}
    return Sampling(
        **given,
        stop=tuple(parameters.stop),
        logit_bias=dict(parameters.logit_bias),
        stop_tokens=tuple(parameters.stop_tokens),
        allowed_tokens=tuple(parameters.allowed_tokens),
        banned_texts=tuple(parameters.banned_texts),
    )


def step_to_wire(report: StepReport) -> worker_pb2.Step:
    """A step as the server reads it, without its events."""
    return worker_pb2.Step(
        decoded_sequences=report.decoded_sequences,
        prompt_tokens=report.prompt_tokens,
        active_sequences=report.active_sequences,
        waiting_sequences=report.waiting_sequences,
        cached_tokens=report.cached_tokens,
    )


def tokenizer_to_wire(loaded: Loaded) -> inference_pb2.Tokenizer:
    """What there is to know of a model's tokens."""
    vocabulary, facts = loaded.engine.vocabulary, loaded.facts
    return inference_pb2.Tokenizer(
        vocabulary_size=loaded.engine.vocabulary_size,
        begin_mark=facts.begin_mark,
        adds_begin_mark=facts.adds_begin_mark,
        end_mark=facts.end_mark,
        end_tokens=sorted(vocabulary.end_tokens),
        chat_template=facts.chat_template or "",
    )


def logprob_to_wire(token: TokenLogprob) -> inference_pb2.TokenLogprob:
    """A token and how likely it was."""
    return inference_pb2.TokenLogprob(
        token_id=token.token,
        token=token.piece,
        logprob=token.logprob,
        top=map(logprob_to_wire, token.top),
    )


def prefill_event(sequence_id: int, prefill: Prefill) -> worker_pb2.SequenceEvent:
    """An event that says only how far a prompt is computed."""
    return worker_pb2.SequenceEvent(
        sequence_id=sequence_id,
        prefill=inference_pb2.Prefill(
            done=prefill.done,
            total=prefill.total,
            cached=prefill.cached,
            elapsed_ms=prefill.elapsed_ms,
        ),
    )


def prompt_event(sequence_id: int, tokens: Iterable[TokenLogprob]) -> worker_pb2.SequenceEvent:
    """An event that says only how likely a prompt's tokens were."""
    told = inference_pb2.PromptLogprobs(tokens=map(logprob_to_wire, tokens))
    return worker_pb2.SequenceEvent(sequence_id=sequence_id, prompt_logprobs=told)


def failure_to_wire(error: EngineError) -> worker_pb2.Failure:
    """An error as the server reads it."""
    return worker_pb2.Failure(
        reason=error.reason,
        message=error.message,
        metadata=error.metadata,
        retry_seconds=error.retry_seconds,
    )


def accepted_sequence(sequence_id: int) -> worker_pb2.Step:
    """A step that says only that one sequence is in the queue."""
    return worker_pb2.Step(events=[worker_pb2.SequenceEvent(sequence_id=sequence_id)])


def failed_sequence(sequence_id: int, error: EngineError) -> worker_pb2.Step:
    """A step that says only that one sequence failed."""
    return worker_pb2.Step(events=[failed_event(sequence_id, error)])


def failed_event(sequence_id: int, error: EngineError) -> worker_pb2.SequenceEvent:
    """The last event of a sequence that failed."""
    return worker_pb2.SequenceEvent(sequence_id=sequence_id, failure=failure_to_wire(error))


def pong(ping_id: int, step_ms: float) -> worker_pb2.Step:
    """The answer to a ping."""
    return worker_pb2.Step(pong=worker_pb2.Pong(ping_id=ping_id, step_ms=step_ms))


def finish_to_wire(outcome: Outcome, reasoning_tokens: int = 0) -> Finish:
    """How a text ended."""
    return Finish(
        reason=outcome.reason,
        usage=Usage(
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=outcome.completion_tokens,
            total_tokens=outcome.prompt_tokens + outcome.completion_tokens,
            cached_prompt_tokens=outcome.cached_tokens,
            reasoning_tokens=reasoning_tokens,
            drafted_tokens=outcome.drafted_tokens,
            accepted_tokens=outcome.accepted_tokens,
        ),
        timings=Timings(
            queue_ms=outcome.queue_ms, prompt_ms=outcome.prompt_ms, decode_ms=outcome.decode_ms
        ),
        stop=outcome.stop,
    )
