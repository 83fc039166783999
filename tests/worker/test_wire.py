"""Nothing is lost between the worker protocol's messages and the engine's values."""

from __future__ import annotations

import dataclasses

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Finish, SamplingParameters, Timings, Usage
from funland_worker.engines.protocol import (
    EngineError,
    Outcome,
    Prefill,
    Sampling,
    StepReport,
    TokenLogprob,
)
from funland_worker.wire import (
    accepted_sequence,
    failed_sequence,
    finish_to_wire,
    logprob_to_wire,
    pong,
    prefill_event,
    prompt_event,
    sampling_from_wire,
    step_to_wire,
)


def test_every_parameter_of_the_contract_reaches_the_engine() -> None:
    names = {field.name for field in SamplingParameters.DESCRIPTOR.fields}

    assert names == {field.name for field in dataclasses.fields(Sampling)}


def test_what_is_unset_has_the_documented_defaults() -> None:
    assert sampling_from_wire(SamplingParameters()) == Sampling(
        temperature=0.8,
        top_p=0.95,
        top_k=40,
        min_p=0.05,
        frequency_penalty=0,
        presence_penalty=0,
        repetition_penalty=1,
        penalty_window=64,
        seed=None,
        stop=(),
        max_tokens=None,
        logit_bias={},
        ignore_end=False,
        min_tokens=0,
        stop_tokens=(),
        allowed_tokens=(),
        banned_texts=(),
        include_stop=False,
    )


def test_a_zero_that_is_set_is_not_a_default() -> None:
    given = SamplingParameters(temperature=0, top_k=0, min_p=0, seed=0, penalty_window=0)

    sampling = sampling_from_wire(given)

    assert (sampling.temperature, sampling.top_k, sampling.min_p) == (0, 0, 0)
    assert (sampling.seed, sampling.penalty_window) == (0, 0)


def test_lists_and_maps_arrive() -> None:
    given = SamplingParameters(
        stop=["a", "b"],
        logit_bias={3: -100, 4: 1.5},
        max_tokens=9,
        stop_tokens=[1, 2],
        allowed_tokens=[3],
        banned_texts=["c"],
    )

    sampling = sampling_from_wire(given)

    assert sampling.stop == ("a", "b")
    assert sampling.logit_bias == {3: -100, 4: 1.5}
    assert sampling.max_tokens == 9
    assert sampling.stop_tokens == (1, 2)
    assert (sampling.allowed_tokens, sampling.banned_texts) == ((3,), ("c",))


def test_a_step_tells_what_it_did() -> None:
    step = step_to_wire(StepReport([], 2, 3, 4, 5, cached_tokens=6))

    assert (step.decoded_sequences, step.prompt_tokens) == (2, 3)
    assert (step.active_sequences, step.waiting_sequences) == (4, 5)
    assert step.cached_tokens == 6


def test_an_outcome_tells_all_its_counts() -> None:
    outcome = Outcome(
        Finish.STOP,
        prompt_tokens=5,
        completion_tokens=7,
        cached_tokens=4,
        queue_ms=1.0,
        prompt_ms=2.0,
        decode_ms=3.0,
        drafted_tokens=8,
        accepted_tokens=6,
    )

    finish = finish_to_wire(outcome, reasoning_tokens=2)

    assert finish.reason == Finish.STOP
    assert finish.usage == Usage(
        prompt_tokens=5,
        completion_tokens=7,
        total_tokens=12,
        cached_prompt_tokens=4,
        reasoning_tokens=2,
        drafted_tokens=8,
        accepted_tokens=6,
    )
    assert finish.timings == Timings(queue_ms=1.0, prompt_ms=2.0, decode_ms=3.0)


def test_a_token_is_told_with_those_that_were_likely_too() -> None:
    top = (TokenLogprob(1, b"a", -0.5), TokenLogprob(2, b"\xe5", -1.5))

    told = logprob_to_wire(TokenLogprob(2, b"\xe5", -1.5, top))

    assert (told.token_id, told.token, told.logprob) == (2, b"\xe5", -1.5)
    assert [(token.token_id, token.token) for token in told.top] == [(1, b"a"), (2, b"\xe5")]


def test_the_first_token_of_a_prompt_follows_nothing_and_others_may_be_sure() -> None:
    event = prompt_event(3, [TokenLogprob(1, b"a", None), TokenLogprob(2, b"b", 0.0)])

    first, second = event.prompt_logprobs.tokens
    assert event.sequence_id == 3
    assert not first.HasField("logprob")
    assert second.HasField("logprob")


def test_progress_is_told_with_all_its_numbers() -> None:
    event = prefill_event(3, Prefill(done=2, total=5, cached=1, elapsed_ms=1.5))

    told = event.prefill
    assert (event.sequence_id, told.done, told.total, told.cached) == (3, 2, 5, 1)
    assert told.elapsed_ms == 1.5


def test_the_answer_to_a_ping_says_nothing_else() -> None:
    step = pong(9, 1.5)

    assert (step.pong.ping_id, step.pong.step_ms) == (9, 1.5)
    assert [field.name for field, _ in step.ListFields()] == ["pong"]


def test_steps_about_one_sequence_say_nothing_of_how_many_there_are() -> None:
    error = EngineError(ErrorReason.TOKEN_UNKNOWN, "No such token.", vocabulary_size="8")

    failed, accepted = failed_sequence(3, error), accepted_sequence(4)

    assert failed.events[0].failure.reason == ErrorReason.TOKEN_UNKNOWN
    assert failed.events[0].failure.metadata == {"vocabulary_size": "8"}
    assert accepted.events[0].sequence_id == 4
    for step in (failed, accepted):
        assert not step.HasField("active_sequences")
        assert not step.HasField("waiting_sequences")
