"""Compiled choices are those of the plain ones, and made where nothing was compiled too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from funland_worker.engines.protocol import EngineError, Prompt, Sampling, Vocabulary
from funland_worker.engines.sampling import compiled
from funland_worker.engines.sampling.candidates import choose
from funland_worker.engines.sampling.compiled import UNDECIDED, choose_all, way
from funland_worker.engines.sampling.sampler import Rows, Sampled, TokenSampler, sample_all
from tests.matchers import NeverForces

LARGE = 151_936
ALONE = Sampling(temperature=1, top_k=0, top_p=1, min_p=0)
WAYS = {
    "greedy": Sampling(temperature=0),
    "defaults": Sampling(),
    "temperature": ALONE,
    "top_p": replace(ALONE, temperature=0.8, top_p=0.95),
    "min_p": replace(ALONE, min_p=0.05),
    "top_k": replace(ALONE, top_k=20),
}
SAMPLINGS = st.builds(
    Sampling,
    temperature=st.sampled_from([0.0, 1e-40, 1e-6, 0.01, 0.8, 1.0, 2.0]),
    top_k=st.sampled_from([0, 1, 5, 40, 129, 1024, 3000, 1_000_000]),
    top_p=st.sampled_from([0.0, 1e-6, 0.3, 0.95, 0.999, 1.0]),
    min_p=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
)
CHANCES = st.one_of(st.floats(0, 1, exclude_max=True), st.sampled_from([0.0, 0.5, 1 - 2**-53]))


def ask(scores: NDArray[np.float32], sampling: Sampling, chances: Sequence[float]) -> list[int]:
    asked = [(scores.ctypes.data, chance, way(sampling)) for chance in chances]
    return choose_all(asked, len(scores))


def likely(number: int, size: int = LARGE) -> NDArray[np.float32]:
    """Scores as a trained model's: most of the probability is with a few dozen tokens."""
    chance = np.random.default_rng(number)
    scores = chance.standard_normal(size, np.float32)
    scores[chance.integers(0, size, 60)] += np.linspace(6, 14, 60, dtype=np.float32)
    return scores


def drawn(
    seed: int, *, size: int, spread: float, digits: int | None, banned: float
) -> NDArray[np.float32]:
    """Scores of which some may be equal, zeros below zero, or forbidden."""
    dice = np.random.default_rng(seed)
    scores = dice.normal(0, spread, size).astype(np.float32)
    if digits is not None:
        scores = scores.round(digits)
    scores[dice.random(size) < banned] = -np.inf
    return scores


SCORES = st.builds(
    drawn,
    st.integers(0, 1000),
    size=st.sampled_from([1, 3, 17, 127, 128, 129, 4096, 40_000]),
    spread=st.sampled_from([0.0, 0.3, 3.0, 12.0, 1e30]),
    digits=st.sampled_from([None, 0, 2]),
    banned=st.sampled_from([0.0, 0.5, 0.999]),
)


@settings(deadline=None, max_examples=400)  # a machine of two cores has pauses
@given(SAMPLINGS, CHANCES, SCORES)
def test_what_is_decided_is_the_plain_choice(
    sampling: Sampling, chance: float, scores: NDArray[np.float32]
) -> None:
    (token,) = ask(scores, sampling, [chance])

    with np.errstate(invalid="ignore"):
        assert token in (UNDECIDED, choose(scores, sampling, chance))


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("spread", [0.1, 1.0], ids=["flat", "likely"])
def test_nearly_everything_is_decided(kind: str, spread: float) -> None:
    chances = np.random.default_rng(1).random(100).tolist()
    rows = [likely(number) * np.float32(spread) for number in range(4)]

    tokens = [token for row in rows for token in ask(row, WAYS[kind], chances)]

    assert tokens.count(UNDECIDED) <= 2


@pytest.mark.parametrize("kind", WAYS)
@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 1000, LARGE - 1])
def test_scores_that_are_no_numbers_are_left_to_others(
    kind: str, number: float, place: int
) -> None:
    scores = likely(1)
    scores[place] = number

    assert ask(scores, WAYS[kind], [0.5]) == [UNDECIDED]


@pytest.mark.parametrize("size", [1, 5000, LARGE])
def test_nothing_to_choose_from_is_left_to_others(size: int) -> None:
    scores = np.full(size, -np.inf, np.float32)

    assert [ask(scores, sampling, [0.5]) for sampling in WAYS.values()] == [[UNDECIDED]] * len(WAYS)


def test_what_is_near_a_border_is_left_to_others() -> None:
    scores = np.zeros(1024, np.float32)

    assert ask(scores, ALONE, [0.5, 0.5 + 1e-13, 0.5 + 1e-4]) == [UNDECIDED, UNDECIDED, 512]


def test_many_threads_choose_as_one_does() -> None:
    rows = [likely(number) for number in range(6)]
    dice = np.random.default_rng(1)
    for _ in range(40):
        asked = [
            (row.ctypes.data, dice.random(), way(sampling))
            for row in rows
            for sampling in WAYS.values()
        ]

        assert choose_all(asked, LARGE, threads=5) == choose_all(asked, LARGE)


class Even(NeverForces):
    """Allows tokens of even numbers."""

    def allows(self, token: int) -> bool:
        return token % 2 == 0

    def mask(self, logits: NDArray[np.float32]) -> None:
        logits[1::2] = -np.inf

    def accept(self, token: int) -> None:
        assert self.allows(token)


@pytest.fixture
def without_compiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(compiled, "library_file", lambda: Path("is-not-there.so"))
    compiled.compiled.cache_clear()
    yield
    compiled.compiled.cache_clear()


def texts(vocabulary: Vocabulary) -> list[list[int]]:
    """What becomes of texts of all kinds, step by step together; the second one's fault is told."""
    wanted: list[dict[str, Any]] = [{}, {"allowed_tokens": (5,)}]
    wanted += [{}, {"repetition_penalty": 1.3, "frequency_penalty": 0.2}, {"min_tokens": 9}]
    wanted += [
        {"logit_bias": {7: 8.0}},
        {"temperature": 0.0},
        {"top_k": 0, "top_p": 1.0, "min_p": 0},
    ]
    more: list[dict[str, Any]] = [{} for _ in wanted]
    more[1] = {"banned": tuple((token,) for token in (5, *vocabulary.end_tokens))}
    more[2] = {"matcher": Even(), "top_logprobs": 2}
    samplers = [
        TokenSampler(Prompt(1, [1, 2, 3], Sampling(**sampling, seed=3), 0.0, **other), vocabulary)
        for sampling, other in zip(wanted, more, strict=True)
    ]
    chosen: list[list[int]] = [[] for _ in samplers]
    for step in range(30):
        rows = Rows(np.stack([likely(100 * step + one, 4096) for one in range(len(samplers))]))
        jobs = [(sampler, row) for row, sampler in enumerate(samplers)]
        for text, outcome in zip(chosen, sample_all(jobs, rows, threads=3), strict=True):
            text.append(outcome.token if isinstance(outcome, Sampled) else UNDECIDED)
            assert isinstance(outcome, EngineError) == (text is chosen[1])
    return chosen


@pytest.fixture
def compiled_texts(vocabulary: Vocabulary) -> list[list[int]]:
    assert compiled.compiled() is not None, "tools/choose.sh compiles it"
    return texts(vocabulary)


def test_texts_are_the_same_where_nothing_was_compiled(
    vocabulary: Vocabulary, compiled_texts: list[list[int]], without_compiled: None
) -> None:
    assert compiled.compiled() is None

    assert texts(vocabulary) == compiled_texts


def test_a_library_of_another_release_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiled.compiled.cache_clear()
    monkeypatch.setattr(compiled, "VERSION", 0)

    assert compiled.compiled() is None
    assert "another release" in caplog.text
    compiled.compiled.cache_clear()
