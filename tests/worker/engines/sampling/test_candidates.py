"""The shortcuts of sampling leave the distribution that the contract's steps give."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from funland_worker.engines.protocol import Sampling
from funland_worker.engines.sampling.candidates import Candidates, draw, likeliest, narrow

SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.01, 0.5, 1.0, 2.0]),
    top_k=st.sampled_from([0, 1, 5, 40, 3000, 1_000_000]),
    top_p=st.sampled_from([1e-6, 0.3, 0.95, 0.999, 1.0]),
    min_p=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
)


def plain(scores: NDArray[np.float32], sampling: Sampling) -> dict[int, float]:
    """The steps one after the other, as the contract tells them."""
    kept = np.argsort(-scores, kind="stable")[: sampling.top_k or None]
    if sampling.top_p < 1:
        sums = np.cumsum(softmax(scores[kept]))
        kept = kept[: np.searchsorted(sums, sampling.top_p) + 1]
    shares = softmax(scores[kept])
    kept = kept[shares >= sampling.min_p * shares[0]]
    shares = softmax(scores[kept].astype(float) / sampling.temperature)
    return dict(zip(kept.tolist(), shares.tolist(), strict=True))


def softmax(scores: NDArray[Any]) -> NDArray[np.float64]:
    weights = np.exp(scores.astype(float) - scores.max())
    return weights / weights.sum()


def distribution(candidates: Candidates) -> dict[int, float]:
    weights = candidates.weights.astype(float)
    tokens = np.arange(len(weights)) if candidates.tokens is None else candidates.tokens
    return dict(zip(tokens.tolist(), (weights / weights.sum()).tolist(), strict=True))


@settings(deadline=None)  # a machine of two cores has pauses
@given(
    SAMPLINGS,
    st.integers(0, 1000),
    st.sampled_from([3, 50, 4096]),
    st.sampled_from([0.3, 3.0, 12.0]),
)
def test_narrowing_is_the_contracts_steps(
    sampling: Sampling, seed: int, size: int, spread: float
) -> None:
    scores = np.random.default_rng(seed).normal(0, spread, size).astype(np.float32)

    left = distribution(narrow(scores, sampling))

    expected = plain(scores, sampling)
    # Which side of a border one of 4,096 tokens falls on may be a matter of rounding.
    assert len(left.keys() ^ expected.keys()) <= 1
    both = left.keys() & expected.keys()
    assert both
    assert [left[token] for token in both] == pytest.approx(
        [expected[token] for token in both], rel=5e-3, abs=1e-6
    )


@settings(deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1, 20, 1024, 3000]))
def test_the_likeliest_are_those_of_a_sort(seed: int, count: int) -> None:
    scores = np.random.default_rng(seed).normal(size=5000).astype(np.float32).round(2)

    expected = np.argsort(-scores, kind="stable")[:count]

    assert likeliest(scores, count).tolist() == expected.tolist()


def test_what_is_masked_is_never_left() -> None:
    scores = np.full(5000, -np.inf, np.float32)
    scores[[7, 4000]] = [1.0, 0.5]

    for sampling in (
        Sampling(),
        Sampling(top_k=0),
        Sampling(top_k=0, top_p=0.999999),
        Sampling(top_k=0, top_p=1),
        Sampling(top_k=0, top_p=1, min_p=0),
    ):
        left = distribution(narrow(scores, sampling))

        assert {token for token, share in left.items() if share > 0} == {7, 4000}


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 1e-9, 0.25, 1.0, 3.0]), min_size=1, max_size=40).filter(any),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from([1, 200]),
)
def test_a_draw_is_where_the_sum_passes_the_chance(
    pattern: list[float], chance: float, repeated: int
) -> None:
    weights = np.array(pattern * repeated)

    index = draw(weights, chance)

    before = math.fsum(weights[:index])
    goal = chance * math.fsum(weights)
    slack = 1e-9 * math.fsum(weights)
    assert weights[index] > 0
    assert before - slack <= goal <= before + weights[index] + slack


def test_scores_that_are_no_numbers_give_some_token() -> None:
    scores = np.full(5000, np.nan, np.float32)

    (token,) = distribution(narrow(scores, Sampling()))

    assert 0 <= token < 5000
