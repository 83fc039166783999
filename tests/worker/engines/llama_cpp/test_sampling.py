"""Sampling parameters do what the contract says of them, on the real model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from funland_worker.engines.protocol import Sampling
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine

FREE = Sampling(temperature=1.5, top_k=0, top_p=1, min_p=0, max_tokens=24, ignore_end=True)


@pytest.fixture(scope="module")
def driver(start_engine: StartEngine) -> Driver:
    return start_engine()


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
    (token,) = driver.engine.tokenize(usual, add_special=False, parse_special=False)

    banned = replace(GREEDY, max_tokens=1, logit_bias={token: -100.0})

    assert driver.complete(sampling=banned)[0] != usual


def test_a_bias_of_100_forces_a_token(driver: Driver) -> None:
    (token,) = driver.engine.tokenize("a", add_special=False, parse_special=False)

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
    letters = driver.engine.tokenize(
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
