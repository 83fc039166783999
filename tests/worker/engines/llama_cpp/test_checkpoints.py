"""Texts of models whose state can't go back: what others begin with too is computed once, and each
is what llama.cpp itself would write."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.cache.spill import SpillFolder
from funland_worker.engines.llama_cpp.cache.store import StateStore
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import Outcome, Prompt
from tests.worker.conftest import GREEDY
from tests.worker.engines.llama_cpp.fresh_context import last_logits, new_context
from tools.zoo.files import write_model

pytestmark = pytest.mark.usefixtures("contexts_end_with_their_test")

ARCHITECTURES = ("mamba2", "rwkv7", "lfm2", "qwen3next")
COPIED_BY_STATES = "deepseek4"
"""Whose texts are copied otherwise; it takes long."""
BEGIN, END = 1, 2
"""The vocabulary's marks around a message."""
MADE = 12
NEAR = 0.005
SHORT = replace(GREEDY, max_tokens=MADE, ignore_end=True)


def tokens(count: int, seed: int = 0) -> list[int]:
    choose = random.Random(seed)  # noqa: S311 - nothing secret
    return [choose.randrange(300, 4000) for _ in range(count)]


def message(count: int, seed: int) -> list[int]:
    return [BEGIN, *tokens(count, seed), END]


SYSTEM = message(60, 1)
ASKS = [BEGIN, 900, 901]
"""What asks for the answer."""


def chat(*messages: list[int]) -> list[int]:
    return [*SYSTEM, *(token for one in messages for token in one), *ASKS]


@dataclass(slots=True)
class Text:
    """What was written after a prompt, and how likely each token was."""

    made: list[int] = field(default_factory=list[int])
    logprobs: list[float] = field(default_factory=list[float])
    outcome: Outcome | None = None

    @property
    def cached(self) -> int:
        assert self.outcome is not None
        return self.outcome.cached_tokens


@pytest.fixture(params=ARCHITECTURES, scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LlamaModel:
    return LlamaModel(write_model(tmp_path_factory.mktemp("models"), request.param))


@pytest.fixture(params=[*ARCHITECTURES, COPIED_BY_STATES], scope="module")
def any_model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> LlamaModel:
    return LlamaModel(write_model(tmp_path_factory.mktemp("models"), request.param))


def engine_of(model: LlamaModel, store: StateStore | None = None, **more: Any) -> LlamaEngine:
    settings: dict[str, Any] = {"context_length": 1024, "slots": 8, "threads": 1, "kv_cells": 8192}
    return LlamaEngine(model, store=store, **{**settings, **more})


def step(engine: LlamaEngine, texts: dict[tuple[int, int], Text]) -> None:
    for advance in engine.step().advances:
        text = texts[advance.sequence_id, advance.choice]
        text.made += (chosen.token for chosen in advance.logprobs)
        text.logprobs += (chosen.logprob or 0.0 for chosen in advance.logprobs)
        text.outcome = advance.outcome or text.outcome


def begin(engine: LlamaEngine, prompts: Sequence[list[int]]) -> dict[tuple[int, int], Text]:
    for number, known in enumerate(prompts):
        engine.submit(Prompt(number, known, SHORT, monotonic(), top_logprobs=0))
    return {(number, 0): Text() for number in range(len(prompts))}


def run(engine: LlamaEngine, prompts: Sequence[list[int]]) -> list[Text]:
    """What is written after the prompts, all at once."""
    texts = begin(engine, prompts)
    while not engine.idle:
        step(engine, texts)
    return list(texts.values())


def check(model: LlamaModel, known: list[int], text: Text) -> None:
    """That llama.cpp finds each token the likeliest, and as likely, in a context of its own."""
    assert len(text.made) == MADE
    context = new_context(model, len(known) + MADE)
    batch = Batch(len(known))
    position, new = 0, known
    for token, logprob in zip(text.made, text.logprobs, strict=True):
        batch.clear()
        batch.add(0, position, new, outputs=1)
        assert batch.decode(context) == 0
        position, new = position + len(new), [token]
        logits = last_logits(model, context).astype(float)
        scores = logits - logits.max()
        expected = scores[token] - np.log(np.exp(scores).sum())
        assert scores[token] > -NEAR
        assert abs(expected - logprob) < NEAR
        if scores[token] < 0:  # as likely as another: what follows tells nothing
            break
    lib.llama_free(context)


def ask(engine: LlamaEngine, model: LlamaModel, known: list[int]) -> Text:
    (text,) = run(engine, [known])
    check(model, known, text)
    return text


def test_a_turn_whose_answer_was_rewritten_costs_that_turn(any_model: LlamaModel) -> None:
    model = any_model
    engine = engine_of(model)
    known = chat(message(40, 2))
    text = ask(engine, model, known)
    for turn in range(2):
        before = len(known) - len(ASKS)
        known = [*known[:-1], *text.made[4:], END, *message(20, 3 + turn), *ASKS]

        text = ask(engine, model, known)

        assert text.cached == before


def test_an_answer_that_stands_as_it_was_is_not_computed_again(model: LlamaModel) -> None:
    engine = engine_of(model)
    known = chat(message(40, 2))
    made = ask(engine, model, known).made

    again = ask(engine, model, [*known, *made, END, *message(20, 3), *ASKS])

    assert again.cached == len(known) + MADE - 1


def test_chats_one_after_the_other_share_their_system_message(model: LlamaModel) -> None:
    engine = engine_of(model)

    cached = [ask(engine, model, chat(message(40, seed))).cached for seed in range(2, 5)]

    assert cached == [0, len(SYSTEM), len(SYSTEM)]


def test_chats_at_once_compute_their_system_message_once(model: LlamaModel) -> None:
    engine = engine_of(model)
    prompts = [chat(message(30 + 3 * seed, seed)) for seed in range(2, 10)]

    texts = run(engine, prompts)

    assert sorted(text.cached for text in texts) == [0] + 7 * [len(SYSTEM)]
    for known, text in zip(prompts, texts, strict=True):
        check(model, known, text)


def test_texts_without_marks_share_where_they_part(model: LlamaModel) -> None:
    engine = engine_of(model)
    prompts = [[*tokens(70), *tokens(30, seed)] for seed in range(1, 5)]

    texts = run(engine, prompts[:3])
    last = ask(engine, model, prompts[3])

    assert [text.cached for text in (*texts, last)] == [0, 70, 70, 70]
    for known, text in zip(prompts, texts, strict=False):
        check(model, known, text)


def test_the_third_text_has_what_the_second_found_in_common_with_the_first(
    model: LlamaModel,
) -> None:
    engine = engine_of(model)

    cached = [ask(engine, model, [*tokens(70), *tokens(30, seed)]).cached for seed in (1, 2, 3)]

    assert cached == [0, 0, 70]


def test_the_texts_of_one_call_compute_its_prompt_once(model: LlamaModel) -> None:
    engine = engine_of(model)
    known = chat(message(40, 2))
    texts = {(0, choice): Text() for choice in range(3)}
    for _, choice in texts:
        prompt = Prompt(0, known, SHORT, monotonic(), choice=choice, top_logprobs=0)
        engine.submit(prompt)
    while not engine.idle:
        step(engine, texts)

    whole = len(known) - len(ASKS)
    assert [text.cached for text in texts.values()] == [0, whole, whole]
    for text in texts.values():
        check(model, known, text)


def test_those_that_wait_go_on_when_the_one_that_computes_is_cancelled(model: LlamaModel) -> None:
    engine = engine_of(model)
    prompts = [chat(message(300 + seed, seed)) for seed in range(2, 5)]
    texts = begin(engine, prompts)
    engine.step()

    engine.cancel(0)
    while not engine.idle:
        step(engine, texts)

    for number in (1, 2):
        check(model, prompts[number], texts[number, 0])


def test_texts_that_are_put_back_for_lack_of_cells_stay_as_they_are(any_model: LlamaModel) -> None:
    engine = engine_of(any_model, context_length=256, slots=3, kv_cells=256)
    prompts = [chat(message(60 + seed, seed)) for seed in range(2, 6)]
    run(engine, prompts)

    for known, text in zip(prompts, run(engine, prompts), strict=True):
        check(any_model, known, text)


def test_what_was_kept_outlives_lack_of_sequences_and_the_process(
    model: LlamaModel, tmp_path: Path
) -> None:
    def started() -> LlamaEngine:
        spill = SpillFolder(tmp_path, 200_000_000, bytes(32), "model", entire=True)
        return engine_of(model, StateStore(100_000_000, spill, entire=True), slots=1)

    engine = started()
    firsts = [chat(message(40, seed)) for seed in range(2, 5)]
    texts = [ask(engine, model, known) for known in firsts]
    seconds = [
        [*known[:-1], *text.made[4:], END, *message(20, 9), *ASKS]
        for known, text in zip(firsts, texts, strict=True)
    ]
    whole = len(firsts[0]) - len(ASKS)

    assert [ask(engine, model, known).cached for known in seconds[:2]] == [whole, whole]
    engine.put_away()
    again = started()

    assert ask(again, model, seconds[2]).cached == whole
    assert ask(again, model, chat(message(40, 7))).cached == len(SYSTEM)
