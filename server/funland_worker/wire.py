"""Between the worker protocol's messages and the engine's values."""

from __future__ import annotations

from funland.v1.inference_pb2 import Finish, SamplingParameters, Timings, Usage
from funland.worker.v1 import worker_pb2
from funland_worker.engines.protocol import (
    Advance,
    EngineError,
    Outcome,
    Sampling,
    StepReport,
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
)


def sampling_from_wire(parameters: SamplingParameters) -> Sampling:
    """The parameters with defaults for what is unset."""
    given = {name: getattr(parameters, name) for name in _OPTIONAL if parameters.HasField(name)}
    return Sampling(**given, stop=tuple(parameters.stop), logit_bias=dict(parameters.logit_bias))


def step_to_wire(report: StepReport) -> worker_pb2.Step:
    """A step as the server reads it."""
    return worker_pb2.Step(
        events=[_event(advance) for advance in report.advances],
        decoded_sequences=report.decoded_sequences,
        prompt_tokens=report.prompt_tokens,
        active_sequences=report.active_sequences,
        waiting_sequences=report.waiting_sequences,
    )


def failure_to_wire(error: EngineError) -> worker_pb2.Failure:
    """An error as the server reads it."""
    return worker_pb2.Failure(reason=error.reason, message=error.message, metadata=error.metadata)


def accepted_sequence(sequence_id: int) -> worker_pb2.Step:
    """A step that says only that one sequence is in the queue."""
    return worker_pb2.Step(events=[worker_pb2.SequenceEvent(sequence_id=sequence_id)])


def failed_sequence(sequence_id: int, error: EngineError) -> worker_pb2.Step:
    """A step that says only that one sequence failed."""
    event = worker_pb2.SequenceEvent(sequence_id=sequence_id, failure=failure_to_wire(error))
    return worker_pb2.Step(events=[event])


def _event(advance: Advance) -> worker_pb2.SequenceEvent:
    event = worker_pb2.SequenceEvent(
        sequence_id=advance.sequence_id, text=advance.text, tokens=advance.tokens
    )
    if advance.outcome is not None:
        event.finish.CopyFrom(_finish(advance.outcome))
    return event


def _finish(outcome: Outcome) -> Finish:
    return Finish(
        reason=outcome.reason,
        usage=Usage(
            prompt_tokens=outcome.prompt_tokens,
            completion_tokens=outcome.completion_tokens,
            total_tokens=outcome.prompt_tokens + outcome.completion_tokens,
            cached_prompt_tokens=outcome.cached_tokens,
        ),
        timings=Timings(
            queue_ms=outcome.queue_ms, prompt_ms=outcome.prompt_ms, decode_ms=outcome.decode_ms
        ),
    )
