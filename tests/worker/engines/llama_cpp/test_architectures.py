"""Whatever a model keeps of its texts, they are those that llama.cpp itself would write."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

import numpy as np
import pytest

from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import Outcome, Prompt
from tests.worker.conftest import GREEDY
from tests.worker.engines.llama_cpp.random_models import write_model

STREAMS, UNIFIED = LoadSettings.STREAMS, LoadSettings.UNIFIED
ARCHITECTURES = {
    # keys and values: plain, with a window, with a table of positions, without flash attention
    "llama": True,
    "qwen3": True,
    "gpt2": True,
    "plm": True,
    "gemma3": False,
    # states, alone and beside keys and values
    "mamba2": False,
    "rwkv7": False,
    "lfm2": False,
    "qwen3next": False,
    # a second cache of what the first is searched by
    "deepseek32": False,
    "minimax-m3": False,
    # a text can only be copied whole
    "deepseek4": False,
}
"""And whether a text can be moved to a cache of another shape."""

MADE = 12
_TIE = 0.01
"""Logits nearer than this may come in either order: a text that is computed beside others is
rounded otherwise."""
SHORT = replace(GREEDY, max_tokens=MADE, ignore_end=True)


@dataclass(frozen=True, slots=True)
class Zoo:
    """A model, and what it writes."""

    name: str
    model: LlamaModel

    def check(self, tokens: list[int], made: list[int]) -> None:
        """That llama.cpp writes the same, with a context for this text alone. Where two tokens are
        as likely as each other, what follows tells nothing."""
        context = self._context(len(tokens) + MADE)
        batch = Batch(len(tokens))
        position, new = 0, tokens
        assert len(made) == MADE
        for token in made:
            batch.clear()
            batch.add(0, position, new, outputs=1)
            assert batch.decode(context) == 0
            position, new = position + len(new), [token]
            pointer: Any = lib.llama_get_logits_ith(context, -1)
            logits = np.ctypeslib.as_array(pointer, (self.model.vocabulary.size,))
            if logits.max() - logits[token] < _TIE and logits.argmax() != token:
                break
            assert logits.argmax() == token, f"off by {logits.max() - logits[token]}"
        lib.llama_free(context)

    def check_all(self, prompts: list[list[int]], made: list[list[int]]) -> None:
        """See `check`."""
        for known, chosen in zip(prompts, made, strict=True):
            self.check(known, chosen)

    def _context(self, tokens: int) -> Any:
        params = lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = tokens
        params.n_threads = params.n_threads_batch = 1
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        return lib.llama_init_from_model(self.model.handle, params)


@pytest.fixture(params=ARCHITECTURES, scope="module")
def zoo(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    folder = tmp_path_factory.mktemp("zoo")
    return Zoo(request.param, LlamaModel(write_model(folder, request.param)))


def engines(zoo: Zoo) -> list[LlamaEngine]:
    """For texts of up to 1,024 tokens, eight at once: one for each kind of cache that there is for
    the model."""
    kinds = [STREAMS, UNIFIED] if zoo.model.has_plain_cache else [STREAMS]
    return [LlamaEngine(zoo.model, 1024, 8, 1, cache=kind, kv_cells=8192) for kind in kinds]


def tokens(count: int, seed: int = 0) -> list[int]:
    choose = random.Random(seed)  # noqa: S311 - nothing secret
    return [choose.randrange(300, 4000) for _ in range(count)]


def run(engine: LlamaEngine, prompts: list[list[int]]) -> tuple[list[list[int]], list[Outcome]]:
    """What is written after each of the prompts, all at once, and how it ended."""
    made: dict[int, list[int]] = {number: [] for number in range(len(prompts))}
    outcomes: dict[int, Outcome] = {}
    for number, known in enumerate(prompts):
        engine.submit(Prompt(number, known, SHORT, monotonic(), top_logprobs=0))
    while not engine.idle:
        for advance in engine.step().advances:
            made[advance.sequence_id] += (chosen.token for chosen in advance.logprobs)
            if advance.outcome is not None:
                outcomes[advance.sequence_id] = advance.outcome
    return list(made.values()), [outcomes[number] for number in made]


def test_what_its_memory_can_do_is_known(zoo: Zoo) -> None:
    assert zoo.model.has_plain_cache == ARCHITECTURES[zoo.name]


def test_one_text_then_texts_of_any_length_at_once(zoo: Zoo) -> None:
    lengths = [[70], [90, 40], [30, 110, 17, 64, 80, 51, 95, 42]]
    for engine in engines(zoo):
        for seed, group in enumerate(lengths):
            prompts = [tokens(length, seed=100 * seed + length) for length in group]

            made, _ = run(engine, prompts)

            zoo.check_all(prompts, made)


def test_texts_that_begin_alike(zoo: Zoo) -> None:
    common = tokens(60)
    prompts = [[*common, *tokens(10 + 5 * number, seed=number)] for number in range(8)]
    for engine in engines(zoo):
        for _ in range(2):
            made, _ = run(engine, prompts)

            zoo.check_all(prompts, made)


def test_turns_that_go_on_and_one_that_goes_back(zoo: Zoo) -> None:
    for engine in engines(zoo):
        known = tokens(50)
        for turn in range(3):
            (made,), (outcome,) = run(engine, [known])

            zoo.check(known, made)
            assert outcome.cached_tokens == (len(known) - 11 if turn else 0)
            known = [*known, *made, *tokens(10, seed=turn + 1)]
        other = [*known[:80], *tokens(20, seed=9)]

        (made,), _ = run(engine, [other])

        zoo.check(other, made)


def test_a_text_that_outgrows_the_cache_beside_others(zoo: Zoo) -> None:
    prompts = [tokens(620, seed=1), *(tokens(40 + number, seed=number) for number in range(2, 8))]
    for engine in engines(zoo):
        made, _ = run(engine, prompts)

        zoo.check_all(prompts, made)
