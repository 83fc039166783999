"""Tokens that a format leaves no choice of are computed together, and change nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.inference_pb2 import Finish, Speculation
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.jumps import run_length
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.speculation.guesses import Guesses
from funland_worker.engines.protocol import Outcome
from tests.worker.conftest import GREEDY, Driver, StartEngine
from tests.worker.engines.llama_cpp.fresh_context import last_logits, new_context
from tools.zoo.files import write_model

LONG = replace(GREEDY, max_tokens=40, ignore_end=True)
PROMPT = list(range(40, 90))
RUN = [61, 62, 63, 64, 65]


class Script:
    """Leaves a choice twice, then wants five tokens, and so on."""

    ended = False

    def __init__(self, run: Sequence[int] = RUN) -> None:
        self.made: list[int] = []
        self.wanted: list[int] = []
        """Where in `made` are those that were wanted."""
        self._run = run

    def allows(self, token: int) -> bool:
        return True

    def mask(self, logits: NDArray[np.float32]) -> None:
        raise AssertionError

    def forced(self) -> Sequence[int]:
        chosen = len(self.made) - len(self.wanted)
        due = chosen // 2 * len(self._run) > len(self.wanted)
        if due:
            self.wanted += range(len(self.made), len(self.made) + len(self._run))
        return self._run if due else ()

    def accept(self, token: int) -> None:
        self.made.append(token)


NOISE = 0.1
"""Passes of other widths add up in another order: without AVX-512 that was 0.03 in this model."""


def check(model: LlamaModel, prompt: Sequence[int], script: Script) -> None:
    """That what was chosen is the likeliest, in a context that has seen nothing else."""
    context = new_context(model, len(prompt) + len(script.made))
    batch, new, position = Batch(len(prompt)), list(prompt), 0
    for number, token in enumerate(script.made):
        batch.clear()
        batch.add(0, position, new, outputs=1)
        assert batch.decode(context) == 0
        position, new = position + len(new), [token]
        if number not in script.wanted:
            logits = last_logits(model, context)
            assert logits[token] > logits.max() - NOISE
    lib.llama_free(context)


@pytest.mark.parametrize(
    ("forced", "writing", "parted", "expected"),
    [
        (0, 1, True, 1),
        (1, 1, True, 1),
        (1, 8, False, 1),
        (2, 1, True, 3),
        (2, 2, True, 3),
        (5, 4, True, 6),
        (5, 6, True, 1),
        (5, 32, False, 6),
        (40, 32, True, 41),
    ],
)
def test_a_run_is_as_long_as_the_pass_is_wide(
    forced: int, writing: int, *, parted: bool, expected: int
) -> None:
    assert run_length(forced, writing, parted=parted) == expected


@pytest.mark.parametrize("cache", [LoadSettings.STREAMS, LoadSettings.UNIFIED])
@pytest.mark.parametrize("texts", [1, 4])
def test_what_is_wanted_takes_no_passes_of_its_own(
    start_engine: StartEngine,
    model: LlamaModel,
    cache: LoadSettings.KeyValueCache.ValueType,
    texts: int,
) -> None:
    driver = start_engine(cache=cache)
    scripts = [Script() for _ in range(texts)]
    for number, script in enumerate(scripts):
        driver.submit(number, [*PROMPT, number + 5], LONG, matcher=script)

    reports = driver.run()

    assert len(reports) < 20, "of 40 tokens each 25 were wanted"
    for number, script in enumerate(scripts):
        assert len(script.made) == driver.outcomes[number].completion_tokens == 40
        assert len(script.wanted) >= 25
        check(model, [*PROMPT, number + 5], script)


def test_beside_many_texts_it_goes_on_one_by_one(
    start_engine: StartEngine, model: LlamaModel
) -> None:
    driver = start_engine(slots=8)
    script = Script()
    driver.submit(0, PROMPT, LONG, matcher=script)
    for number in range(1, 8):
        driver.submit(number, [*PROMPT, number], LONG)

    reports = driver.run()

    assert len(reports) > 40
    check(model, PROMPT, script)


@pytest.mark.parametrize("name", ["gemma3", "mamba2", "lfm2", "qwen35", "arwkv7", "deepseek32"])
def test_it_is_right_for_every_memory(tmp_path: Path, name: str) -> None:
    model = LlamaModel(write_model(tmp_path, name))
    guesses = Guesses(default=Speculation(method=Speculation.PROMPT_LOOKUP, max_tokens=4))
    driver = Driver(LlamaEngine(model, 256, 3, 1, guesses=guesses))
    scripts = [Script(), Script(RUN[:3]), Script(RUN[:1])]
    for number, script in enumerate(scripts):
        driver.submit(number, [*PROMPT, number + 5], LONG, matcher=script)

    driver.run()

    for number, script in enumerate(scripts):
        assert len(script.made) == 40
        check(model, [*PROMPT, number + 5], script)


def test_guesses_of_what_is_wanted_are_right(start_engine: StartEngine, model: LlamaModel) -> None:
    driver = start_engine(guesses=Guesses(default=Speculation(method=Speculation.PROMPT_LOOKUP)))
    script = Script()

    driver.submit(0, PROMPT, LONG, matcher=script)
    driver.run()

    check(model, PROMPT, script)


def test_texts_that_lose_their_part_of_the_cache_go_on(
    start_engine: StartEngine, model: LlamaModel
) -> None:
    driver = start_engine(slots=4, kv_cells=256, cache=LoadSettings.UNIFIED)
    scripts = [Script() for _ in range(4)]
    for number, script in enumerate(scripts):
        driver.submit(number, [number + 5, *PROMPT], LONG, matcher=script)

    driver.run()

    for number, script in enumerate(scripts):
        assert len(script.made) == 40
        check(model, [number + 5, *PROMPT], script)


@pytest.mark.parametrize("most", range(1, 12))
def test_no_more_is_written_than_was_asked_for(start_engine: StartEngine, most: int) -> None:
    driver = start_engine()
    script = Script()

    _, outcome = _complete(driver, script, most)

    assert outcome.completion_tokens == most
    assert outcome.reason == Finish.LENGTH


def test_where_likelihoods_are_told_each_token_has_its_own(start_engine: StartEngine) -> None:
    driver = start_engine()
    script = Script()
    driver.submit(0, PROMPT, LONG, matcher=script, top_logprobs=0)

    told = [
        one for report in driver.run() for advance in report.advances for one in advance.logprobs
    ]

    assert len(told) == 40
    assert not script.wanted


def _complete(driver: Driver, script: Script, most: int) -> tuple[str, Outcome]:
    driver.submit(0, PROMPT, replace(LONG, max_tokens=most), matcher=script)
    driver.run()
    return driver.texts[0], driver.outcomes[0]
