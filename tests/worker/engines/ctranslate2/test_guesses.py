"""Guesses change the speed, not the texts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from funland_worker.engines.ctranslate2.guesses import Guessing, GuessSampler, guessing
from funland_worker.engines.protocol import Prompt, Sampling, Vocabulary
from funland_worker.engines.sampling.sampler import TokenSampler

LOGITS = np.array([3.0, 2.6, 2.5, 1.0, 0.5, -1.0, -4.0], np.float32)
DRAWS = 4000


def prompt(sampling: Sampling) -> Prompt:
    return Prompt(1, [1, 2, 2, 2], sampling, 0.0)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(),
        Sampling(temperature=1.6, top_k=0, top_p=1, min_p=0),
        Sampling(temperature=0.5, top_k=3, top_p=0.9, min_p=0.2),
        Sampling(temperature=1, top_k=5, repetition_penalty=1.5, logit_bias={3: 2.0}),
    ],
)
def test_guesses_leave_the_probabilities_as_they_are(
    sampling: Sampling, vocabulary: Vocabulary
) -> None:
    way = guessing(prompt(sampling))
    kept = np.argsort(-LOGITS)[: way.top_k or len(LOGITS)]
    weights = np.exp(LOGITS[kept].astype(np.float64) / way.temperature)
    guesses = np.random.default_rng(1).choice(kept, DRAWS, p=weights / weights.sum())

    # One token of each text, since a text's second depends on its first.
    checked = Counter(
        GuessSampler(prompt(sampling), vocabulary).check(int(guess), LOGITS).token
        for guess in guesses
    )
    direct = Counter(
        TokenSampler(prompt(sampling), vocabulary).sample(LOGITS).token for _ in range(DRAWS)
    )

    assert set(checked) == set(direct)
    for token in direct:
        # Four standard deviations of the difference of two counts.
        assert checked[token] == pytest.approx(direct[token], abs=4 * (2 * direct[token]) ** 0.5)


def test_good_guesses_are_mostly_right(vocabulary: Vocabulary) -> None:
    sampling = Sampling(top_p=1, min_p=0, top_k=4)
    weights = np.exp(LOGITS[:4].astype(np.float64) / sampling.temperature)
    guesses = np.random.default_rng(2).choice(4, 1000, p=weights / weights.sum())

    right = sum(
        GuessSampler(prompt(sampling), vocabulary).check(int(guess), LOGITS).token == guess
        for guess in guesses
    )

    assert right == 1000, "the two distributions are one"


def test_with_a_seed_the_guess_changes_nothing(vocabulary: Vocabulary) -> None:
    sampling = Sampling(seed=5)
    expected = TokenSampler(prompt(sampling), vocabulary).sample(LOGITS).token

    for guess in range(len(LOGITS)):
        assert GuessSampler(prompt(sampling), vocabulary).check(guess, LOGITS).token == expected


def test_only_plain_greedy_texts_need_no_scores() -> None:
    greedy = prompt(Sampling(temperature=0))

    assert guessing(greedy) == Guessing(checked=False)
    for other in (
        replace(greedy, top_logprobs=0),
        replace(greedy, sampling=Sampling(temperature=0, presence_penalty=0.1)),
        replace(greedy, sampling=Sampling(temperature=0, logit_bias={1: 1.0})),
        replace(greedy, sampling=Sampling(seed=1)),
        replace(greedy, sampling=Sampling(temperature=0, min_tokens=1)),
        replace(greedy, sampling=Sampling(temperature=0, allowed_tokens=(1,))),
        replace(greedy, banned=((1, 2),)),
    ):
        assert guessing(other) == Guessing(checked=True)
