"""What a caller does not want is not chosen, and what must be goes before it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError, Prompt, Sampling, Vocabulary
from funland_worker.engines.sampling.bans import Bans, has_bans
from funland_worker.engines.sampling.sampler import TokenSampler
from tests.matchers import NeverForces
from tests.worker.conftest import GREEDY

SIZE = 4096
END, OTHER_END = 2, 0
"""The embedded model's end marks."""


def left(
    vocabulary: Vocabulary,
    chosen: Sequence[int],
    banned: tuple[tuple[int, ...], ...] = (),
    **sampling: Any,
) -> set[int]:
    """The tokens that may follow those chosen."""
    bans = Bans(Prompt(1, [7, 8], Sampling(**sampling), 0.0, banned=banned), vocabulary)
    scores = np.zeros(SIZE, np.float32)
    for token in chosen:
        bans.add(token)
    kept = bans.without(scores)
    assert not scores.any(), "the scores are left as they are"
    return set(np.flatnonzero(kept == 0).tolist())


ALL = set(range(SIZE))


@pytest.mark.parametrize(
    ("chosen", "forbidden"),
    [
        ((), {5}),
        ((10,), {5, 11}),
        ((10, 11), {5, 12}),
        ((9, 10), {5, 11}),
        ((10, 9, 11), {5}),
        ((10, 10, 11), {5, 12}),
        ((20, 21, 20, 21), {5, 22}),
        ((20, 21, 20), {5}),
        ((30, 31, 32), {5, 33, 34}),
        ((32,), {5, 34}),
    ],
)
def test_the_token_that_would_complete_a_run_is_not_chosen(
    vocabulary: Vocabulary, chosen: Sequence[int], forbidden: set[int]
) -> None:
    runs = ((5,), (10, 11), (10, 11, 12), (20, 21, 20, 21, 22), (30, 31, 32, 33), (32, 34))

    assert ALL - left(vocabulary, chosen, runs) == forbidden


def test_what_the_prompt_has_of_a_run_does_not_count(vocabulary: Vocabulary) -> None:
    assert left(vocabulary, (), ((7, 8, 9), (8, 9))) == ALL
    assert 9 not in left(vocabulary, (8,), ((8, 9),))


@pytest.mark.parametrize(
    ("sampling", "chosen", "kept"),
    [
        ({"allowed_tokens": (9, 4, 9)}, 0, {4, 9, END, OTHER_END}),
        ({"allowed_tokens": (9, END)}, 0, {9, END, OTHER_END}),
        ({"allowed_tokens": (9,), "min_tokens": 2}, 1, {9}),
        ({"allowed_tokens": (9,), "min_tokens": 2}, 2, {9, END, OTHER_END}),
        ({"allowed_tokens": (9, 4), "stop_tokens": (4,), "min_tokens": 2}, 1, {9}),
        ({"min_tokens": 1}, 0, ALL - {END, OTHER_END}),
        ({"min_tokens": 1}, 1, ALL),
        ({"min_tokens": 1, "stop_tokens": (6,)}, 0, ALL - {END, OTHER_END, 6}),
        ({"min_tokens": 1, "stop_tokens": (6,), "ignore_end": True}, 0, ALL - {6}),
        ({"stop_tokens": (6,)}, 0, ALL),
    ],
)
def test_tokens_are_left_as_the_contract_says(
    vocabulary: Vocabulary, sampling: dict[str, Any], chosen: int, kept: set[int]
) -> None:
    assert left(vocabulary, [100] * chosen, **sampling) == kept


def test_a_text_that_can_only_end_ends_before_its_least_tokens(vocabulary: Vocabulary) -> None:
    sampling: dict[str, Any] = {"allowed_tokens": (9,), "min_tokens": 5}

    assert left(vocabulary, (), ((9,),), **sampling) == {END, OTHER_END}


def test_nothing_to_choose_from_is_an_error_with_a_name(vocabulary: Vocabulary) -> None:
    runs = ((9,), (END,), (OTHER_END,))

    with pytest.raises(EngineError) as raised:
        left(vocabulary, (), runs, allowed_tokens=(9,))

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata == {"field": "sampling.allowed_tokens"}


def test_who_asks_for_nothing_pays_nothing() -> None:
    plain = Prompt(1, [1], replace(GREEDY, stop_tokens=(5,), logit_bias={1: 2.0}), 0.0)

    assert not has_bans(plain)
    assert has_bans(replace(plain, banned=((1,),)))
    assert has_bans(replace(plain, sampling=Sampling(min_tokens=1)))
    assert has_bans(replace(plain, sampling=Sampling(allowed_tokens=(1,))))


class Only(NeverForces):
    """Allows these tokens."""

    def __init__(self, tokens: Collection[int]) -> None:
        self._tokens = tokens

    def allows(self, token: int) -> bool:
        return token in self._tokens

    def mask(self, logits: NDArray[np.float32]) -> None:
        forbidden = np.ones(len(logits), bool)
        forbidden[list(self._tokens)] = False
        logits[forbidden] = -np.inf

    def accept(self, token: int) -> None:
        assert self.allows(token)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize(
    ("allowed", "unwanted", "chosen"),
    [
        ({END}, {"min_tokens": 5}, END),
        ({END, 50}, {"min_tokens": 5}, 50),
        ({50}, {"banned": ((50,),)}, 50),
        ({50, 51}, {"banned": ((50,),)}, 51),
        ({50}, {"allowed_tokens": (9,)}, 50),
        ({9, 50}, {"allowed_tokens": (9,)}, 9),
    ],
)
def test_a_format_goes_before_what_a_caller_does_not_want(
    vocabulary: Vocabulary,
    temperature: float,
    allowed: set[int],
    unwanted: dict[str, Any],
    chosen: int,
) -> None:
    banned = unwanted.get("banned", ())
    others = {name: value for name, value in unwanted.items() if name != "banned"}
    wanted = Sampling(temperature=temperature, **others)
    prompt = Prompt(1, [1], wanted, 0.0, matcher=Only(allowed), banned=banned)
    scores = np.linspace(1, 0, SIZE, dtype=np.float32)

    assert TokenSampler(prompt, vocabulary).sample(scores).token == chosen


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_what_is_banned_is_never_drawn(vocabulary: Vocabulary, temperature: float) -> None:
    scores = np.full(SIZE, -np.inf, np.float32)
    scores[[3, 4, 5]] = [9, 8, 1]
    wanted = Sampling(temperature=temperature, top_k=0, top_p=1, min_p=0, seed=1)
    sampler = TokenSampler(Prompt(1, [1], wanted, 0.0, banned=((3,), (5, 4))), vocabulary)

    drawn = [sampler.sample(scores).token for _ in range(500)]

    assert set(drawn) == ({4, 5} if temperature else {4})
    assert not any(pair == (5, 4) for pair in pairwise(drawn))
