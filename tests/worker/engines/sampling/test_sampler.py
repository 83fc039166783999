"""Sampling parameters do what the contract says of them, on the real model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.protocol import EngineError, Matcher, Prompt, Sampling, Vocabulary
from funland_worker.engines.sampling.penalties import PenaltyWindow
from funland_worker.engines.sampling.sampler import Rows, Sampled, TokenSampler, sample_all
from tests.matchers import NeverForces
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine

FREE = Sampling(temperature=1.5, top_k=0, top_p=1, min_p=0, max_tokens=24, ignore_end=True)


@pytest.fixture(scope="module")
def driver(start_lasting_engine: StartEngine) -> Driver:
    return start_lasting_engine()


@pytest.mark.parametrize("seed", [0, 7, 4294967295])
def test_the_same_seed_gives_the_same_text(driver: Driver, seed: int) -> None:
    sampling = replace(FREE, seed=seed)

    first, second = (driver.complete(sampling=sampling)[0] for _ in range(2))

    assert first == second


def test_without_a_seed_texts_differ(driver: Driver) -> None:
    assert len({driver.complete(sampling=FREE)[0] for _ in range(4)}) > 1


def test_other_seeds_give_other_texts(driver: Driver) -> None:
    texts = {driver.complete(sampling=replace(FREE, seed=seed))[0] for seed in range(4)}

    assert len(texts) > 1


@pytest.mark.parametrize(
    "narrow",
    [
        replace(FREE, top_k=1),
        replace(FREE, top_p=1e-6),
        replace(FREE, min_p=1.0),
        replace(FREE, temperature=0.0),
        replace(FREE, temperature=0.0, logit_bias={0: -1.0}),
    ],
)
def test_what_leaves_one_candidate_equals_greedy(driver: Driver, narrow: Sampling) -> None:
    greedy = driver.complete(sampling=replace(GREEDY, max_tokens=24, ignore_end=True))[0]

    assert driver.complete(sampling=narrow)[0] == greedy


def test_a_bias_of_minus_100_bans_a_token(driver: Driver) -> None:
    usual = driver.complete(sampling=replace(GREEDY, max_tokens=1))[0]
    (token,) = driver.engine.vocabulary.tokenize(usual, add_special=False, parse_special=False)

    banned = replace(GREEDY, max_tokens=1, logit_bias={token: -100.0})

    assert driver.complete(sampling=banned)[0] != usual


def test_a_bias_of_100_forces_a_token(driver: Driver) -> None:
    (token,) = driver.engine.vocabulary.tokenize("a", add_special=False, parse_special=False)

    forced = replace(FREE, seed=1, max_tokens=5, logit_bias={token: 100.0})

    assert driver.complete(sampling=forced)[0] == "aaaaa"


@pytest.mark.parametrize(
    ("name", "repeat", "avoid"),
    [
        ("frequency_penalty", -2.0, 2.0),
        ("presence_penalty", -2.0, 2.0),
        ("repetition_penalty", 0.5, 2.0),
    ],
)
def test_penalties_make_a_text_repeat_itself_less(
    driver: Driver, name: str, repeat: float, avoid: float
) -> None:
    # The model is sure of its stories; of letters in a row it is not.
    letters = driver.engine.vocabulary.tokenize(
        "z y x w v u t s r q p o", add_special=False, parse_special=False
    )
    plain = replace(GREEDY, max_tokens=40, logit_bias=dict.fromkeys(letters, 100.0))

    def variety(penalty: float) -> int:
        return len(set(driver.complete(sampling=replace(plain, **{name: penalty}))[0]))

    assert variety(avoid) > variety(repeat)


def test_penalties_look_at_the_prompt_too(driver: Driver) -> None:
    usual = driver.complete(sampling=replace(GREEDY, max_tokens=1))[0]
    prompt = usual + STORY
    penalized = replace(GREEDY, max_tokens=1, repetition_penalty=2.0)

    with_window = driver.complete(prompt, penalized)[0]

    assert driver.complete(prompt, replace(penalized, penalty_window=0))[0] == usual
    assert with_window != usual


def test_a_window_shorter_than_the_prompt_forgets_its_beginning(driver: Driver) -> None:
    usual = driver.complete(sampling=replace(GREEDY, max_tokens=1))[0]
    prompt = usual + STORY

    short = replace(GREEDY, max_tokens=1, repetition_penalty=2.0, penalty_window=4)

    assert driver.complete(prompt, short)[0] == usual


class Even(NeverForces):
    """Allows tokens of even numbers."""

    def allows(self, token: int) -> bool:
        return token % 2 == 0

    def mask(self, logits: NDArray[np.float32]) -> None:
        logits[1::2] = -np.inf

    def accept(self, token: int) -> None:
        assert self.allows(token)


SCORES = np.array([1.0, 3.0, 0.0, 2.0, 2.0, -1.0], np.float32)


MakeSampler = Callable[..., TokenSampler]


@pytest.fixture
def sampler(vocabulary: Vocabulary) -> MakeSampler:
    """Makes a sampler: `sampler(GREEDY, matcher, top_logprobs=1)`."""

    def make(
        sampling: Sampling, matcher: Matcher | None = None, top_logprobs: int | None = None
    ) -> TokenSampler:
        prompt = Prompt(1, [0], sampling, 0.0, matcher=matcher, top_logprobs=top_logprobs)
        return TokenSampler(prompt, vocabulary)

    return make


@pytest.mark.parametrize("matcher", [None, Even()])
def test_tokens_are_drawn_as_often_as_they_are_likely(
    sampler: MakeSampler, matcher: Matcher | None
) -> None:
    draws = 20_000
    tokens = sampler(replace(FREE, seed=5, temperature=1.0), matcher)
    counts = np.zeros(len(SCORES))
    for _ in range(draws):
        counts[tokens.sample(SCORES).token] += 1

    likely = np.exp(SCORES.astype(float))
    if matcher:
        likely[1::2] = 0
    expected = draws * likely / likely.sum()
    possible = expected > 0
    chi_square = ((counts - expected)[possible] ** 2 / expected[possible]).sum()

    assert not counts[~possible].any()
    # One seed in a thousand goes over this, with at most five degrees of freedom; this one doesn't.
    assert chi_square < 20.5


def test_greedy_takes_the_likeliest_that_is_allowed(sampler: MakeSampler) -> None:
    assert sampler(GREEDY, Even()).sample(SCORES).token == 4


def test_the_scores_of_a_row_are_left_as_they_are(sampler: MakeSampler) -> None:
    before = SCORES.copy()
    changing = replace(GREEDY, logit_bias={1: -100.0}, repetition_penalty=1.5)

    sampler(changing, Even()).sample(SCORES)

    assert SCORES.tolist() == before.tolist()


def test_likelihood_is_told_before_bias_temperature_and_form(
    sampler: MakeSampler, vocabulary: Vocabulary
) -> None:
    changing = replace(FREE, seed=1, temperature=2.0, logit_bias={4: 100.0})

    logprob = sampler(changing, Even(), top_logprobs=3).sample(SCORES).logprob

    likely = SCORES - np.log(np.exp(SCORES.astype(float)).sum())
    assert logprob is not None
    assert (logprob.token, logprob.piece) == (4, vocabulary.piece(4))
    assert logprob.logprob == pytest.approx(likely[4])
    assert [top.token for top in logprob.top] == [1, 3, 4]
    assert [top.logprob for top in logprob.top] == pytest.approx(likely[[1, 3, 4]].tolist())


def test_likelihood_is_told_of_the_chosen_alone_or_not_at_all(sampler: MakeSampler) -> None:
    chosen = sampler(GREEDY, top_logprobs=0).sample(SCORES).logprob

    assert chosen is not None
    assert chosen.top == ()
    assert sampler(GREEDY).sample(SCORES).logprob is None


def test_more_likely_tokens_than_there_are_can_be_asked_for(sampler: MakeSampler) -> None:
    logprob = sampler(GREEDY, top_logprobs=20).sample(SCORES).logprob

    assert logprob is not None
    assert len(logprob.top) == len(SCORES)
    assert sum(np.exp(top.logprob or 0) for top in logprob.top) == pytest.approx(1)


@pytest.mark.parametrize(
    "penalties",
    [
        {"repetition_penalty": 1.3},
        {"repetition_penalty": 0.7, "penalty_window": 3},
        {"frequency_penalty": 0.5},
        {"presence_penalty": -0.5, "penalty_window": 6},
        {"repetition_penalty": 2.0, "frequency_penalty": -1.0, "presence_penalty": 0.3},
    ],
)
def test_penalties_are_llama_cpps(penalties: dict[str, Any]) -> None:
    sampling = replace(GREEDY, **penalties)
    prompt, then = [0, 1, 1, 5, 3, 3], [3, 5, 2]
    window = PenaltyWindow(sampling, prompt)
    size = len(SCORES)
    theirs = lib.llama_sampler_init_penalties(
        size,
        sampling.penalty_window,
        sampling.repetition_penalty,
        sampling.frequency_penalty,
        sampling.presence_penalty,
    )
    for token in prompt:
        lib.llama_sampler_accept(theirs, token)
    for token in then:
        window.add(token)
        lib.llama_sampler_accept(theirs, token)

    scores = SCORES.copy()
    window.penalize(scores)

    data = (lib.llama_token_data * size)(*((token, SCORES[token], 0) for token in range(size)))
    lib.llama_sampler_apply(theirs, lib.llama_token_data_array(data, size, -1, False))
    assert scores.tolist() == pytest.approx([entry.logit for entry in data])
    lib.llama_sampler_free(theirs)


@pytest.mark.parametrize(
    "row",
    [
        np.full(4096, np.nan, np.float32),
        np.full(4096, -np.inf, np.float32),
        np.full(4096, np.inf, np.float32),
        np.where(np.arange(4096) == 77, np.nan, 1).astype(np.float32),
        np.where(np.arange(4096) == 77, np.inf, 1).astype(np.float32),
        np.where(np.arange(4096) == 77, np.nan, -np.inf).astype(np.float32),
    ],
)
@pytest.mark.parametrize(
    "sampling",
    [
        GREEDY,
        Sampling(),
        replace(FREE, seed=1),
        replace(FREE, min_p=0.1),
        replace(FREE, top_p=0.5),
        Sampling(top_k=2),
        replace(GREEDY, repetition_penalty=1.5, logit_bias={1: 2.0}),
        replace(GREEDY, min_tokens=3),
    ],
)
@pytest.mark.parametrize("matcher", [None, Even()])
@pytest.mark.parametrize("top_logprobs", [None, 2])
def test_scores_that_are_no_numbers_are_the_models_fault(
    sampler: MakeSampler,
    row: NDArray[np.float32],
    sampling: Sampling,
    matcher: Matcher | None,
    top_logprobs: int | None,
) -> None:
    with pytest.raises(EngineError) as raised:
        sampler(sampling, matcher, top_logprobs).sample(row)

    assert raised.value.reason == ErrorReason.MODEL_OUTPUT_INVALID


def test_a_token_that_can_not_come_is_no_damage(sampler: MakeSampler) -> None:
    scores = np.array([-np.inf, 1, -np.inf], np.float32)

    for sampling in (GREEDY, Sampling(), FREE):
        assert sampler(sampling, top_logprobs=2).sample(scores).token == 1


def test_one_damaged_row_fails_its_text_alone(sampler: MakeSampler) -> None:
    good, bad = sampler(GREEDY), sampler(GREEDY)
    rows = Rows(np.stack([SCORES * np.float32(np.nan), SCORES]))

    first, second = sample_all([(bad, 0), (good, 1)], rows)

    assert isinstance(first, EngineError)
    assert isinstance(second, Sampled)
    assert second.token == 1


def test_a_share_of_nothing_is_the_likeliest_alone(sampler: MakeSampler) -> None:
    for top_k in (0, 3, 40):
        drawn = sampler(Sampling(temperature=2, top_p=0, top_k=top_k, min_p=0))

        assert {drawn.sample(SCORES).token for _ in range(50)} == {1}
