"""Whatever a model keeps of its texts, they are those that llama.cpp itself would write."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from funland.v1.inference_pb2 import EmbedRequest
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.encoder import LlamaEncoder
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import Outcome, Prompt
from tests.worker.conftest import GREEDY
from tests.worker.engines.llama_cpp.fresh_context import check_greedy, new_context
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
    "arwkv7": False,
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
SHORT = replace(GREEDY, max_tokens=MADE, ignore_end=True)


@dataclass(frozen=True, slots=True)
class Zoo:
    """A model, and what it writes."""

    name: str
    model: LlamaModel

    def check(self, prompts: list[list[int]], made: list[list[int]]) -> None:
        """That llama.cpp writes the same after each of the prompts."""
        for known, chosen in zip(prompts, made, strict=True):
            assert len(chosen) == MADE
            check_greedy(self.model, known, chosen)


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

            zoo.check(prompts, made)


def test_texts_that_begin_alike(zoo: Zoo) -> None:
    common = tokens(60)
    prompts = [[*common, *tokens(10 + 5 * number, seed=number)] for number in range(8)]
    for engine in engines(zoo):
        for _ in range(2):
            made, _ = run(engine, prompts)

            zoo.check(prompts, made)


def test_turns_that_go_on_and_one_that_goes_back(zoo: Zoo) -> None:
    for engine in engines(zoo):
        known = tokens(50)
        for turn in range(3):
            (made,), (outcome,) = run(engine, [known])

            zoo.check([known], [made])
            assert outcome.cached_tokens == (len(known) - 11 if turn else 0)
            known = [*known, *made, *tokens(10, seed=turn + 1)]
        other = [*known[:80], *tokens(20, seed=9)]

        (made,), _ = run(engine, [other])

        zoo.check([other], [made])


def test_a_text_that_outgrows_the_cache_beside_others(zoo: Zoo) -> None:
    prompts = [tokens(620, seed=1), *(tokens(40 + number, seed=number) for number in range(2, 8))]
    for engine in engines(zoo):
        made, _ = run(engine, prompts)

        zoo.check(prompts, made)


def test_an_encoder_without_a_decoder_embeds_as_llama_cpp_does(tmp_path: Path) -> None:
    model = LlamaModel(write_model(tmp_path, "t5encoder"))
    texts = [tokens(length, seed=length) for length in (40, 3, 90)]

    vectors = LlamaEncoder(model, 512, 1).embed(texts, EmbedRequest.MEAN)

    for known, vector in zip(texts, vectors, strict=True):
        context = new_context(model, len(known), embeds=True)
        batch = Batch(len(known))
        batch.add(0, 0, known, outputs=len(known))
        assert batch.encode(context) == 0
        pointer: Any = lib.llama_get_embeddings(context)
        states = np.ctypeslib.as_array(pointer, (len(known), model.vector_length))
        np.testing.assert_allclose(vector, states.mean(axis=0), atol=1e-4)
