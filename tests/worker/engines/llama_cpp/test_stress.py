"""Many texts come, share, wait and are cancelled at random: none is lost, and none is changed.

`FUNLAND_STRESS_SEEDS` is how many random runs there are of each cache; a few unless it is set.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest

from funland.v1.inference_pb2 import GenerationOptions, Speculation
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.adapters import Adapters, Uses
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.cache.contexts import new_context
from funland_worker.engines.llama_cpp.cache.streams import StreamCache
from funland_worker.engines.llama_cpp.cache.unified import UnifiedCache
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.speculation.draft import DraftModel
from funland_worker.engines.llama_cpp.speculation.guesses import Guesses
from funland_worker.engines.protocol import Advance, Prompt, StepReport
from funland_worker.engines.vocabulary import detokenize
from tests import lora_files
from tests.worker.conftest import GREEDY

pytestmark = pytest.mark.usefixtures("contexts_end_with_their_test")

SEEDS = int(os.environ.get("FUNLAND_STRESS_SEEDS", "2"))
CONTEXT = 640
SUBMISSIONS = 30
CELL_BYTES = 7176
"""What the embedded model keeps of a token, its place included."""

SYSTEMS = ["", "<|im_start|>system\n" + "You are kind and short. " * 12 + "<|im_end|>\n"]
QUESTIONS = ["Hello", "Tell me a story.", "你好", "What is 3?", "Who are you?", "Good night!"]
USES: list[Uses] = [(), (("gruff", 1.0),)]
NOISE = 0.3
"""By how much a token's score may differ between passes of different widths."""
METHODS = [Speculation.NONE, Speculation.PROMPT_LOOKUP, Speculation.DRAFT_MODEL]

Key = tuple[int, int]


@pytest.fixture(scope="module")
def engines(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Engines:
    return Engines(model_path, tmp_path_factory.mktemp("lora"))


class Engines:
    """Makes engines of one model with an adapter, and reads their texts again."""

    def __init__(self, model_path: Path, folder: Path) -> None:
        library.start()
        self._model = LlamaModel(model_path)
        self._adapters = Adapters(
            self._model, {"gruff": lora_files.write(folder / "gruff.gguf", seed=1)}
        )
        self._context = new_context(self._model, 1, CONTEXT, 1, CONTEXT, unified=False)
        self._batch = Batch(CONTEXT)

    def start(
        self, choose: random.Random, cache: LoadSettings.KeyValueCache.ValueType
    ) -> LlamaEngine:
        return LlamaEngine(
            self._model,
            CONTEXT,
            choose.choice([1, 2, 3, 6]),
            1,
            cache=cache,
            kv_cells=choose.choice([CONTEXT, 1024, 2048]),
            adapters=self._adapters,
            guesses=Guesses(DraftModel(self._model, self._model, CONTEXT, 1)),
        )

    def worst(self, prompt: Prompt, made: list[int]) -> float:
        """How much less likely than the likeliest any of the tokens is that a prompt's text has,
        when the model reads all of it at once: the difference of their scores."""
        lib.llama_memory_clear(lib.llama_get_memory(self._context), False)
        self._adapters.apply(self._context, prompt.adapters)
        self._batch.clear()
        self._batch.add(0, 0, [*prompt.tokens, *made[:-1]], outputs=len(made))
        assert self._batch.decode(self._context) == 0
        begin = len(prompt.tokens) - 1
        worst = 0.0
        for row, token in enumerate(made, begin):
            pointer = lib.llama_get_logits_ith(self._context, row)
            scores = np.ctypeslib.as_array(pointer, (self._model.vocabulary.size,))
            worst = max(worst, float(scores.max() - scores[token]))
        return worst


class Run:
    """One random run, and what must hold after each of its steps."""

    def __init__(self, engine: LlamaEngine, choose: random.Random) -> None:
        self.engine = engine
        self.choose = choose
        self.prompts: dict[Key, Prompt] = {}
        self.made: dict[Key, list[int]] = {}
        self.open: set[Key] = set()
        self.finished: set[Key] = set()
        self.histories: list[str] = list(SYSTEMS)

    def submit(self, number: int) -> None:
        choose = self.choose
        text = choose.choice(self.histories)
        text += f"<|im_start|>user\n{choose.choice(QUESTIONS)}<|im_end|>\n<|im_start|>assistant\n"
        tokens = self.engine.vocabulary.tokenize(text, add_special=True, parse_special=True)
        sampling = replace(GREEDY, max_tokens=choose.choice([1, 2, 10, 40, 300]))
        for choice in range(choose.choice([1, 1, 1, 2, 4])):
            prompt = Prompt(
                number,
                tokens[: CONTEXT - 1],
                sampling,
                monotonic(),
                choice=choice,
                top_logprobs=0,
                priority=choose.choice(
                    [GenerationOptions.LOW, GenerationOptions.NORMAL, GenerationOptions.HIGH]
                )
                if choice == 0
                else self.prompts[number, 0].priority,
                adapters=choose.choice(USES) if choice == 0 else self.prompts[number, 0].adapters,
                speculation=Speculation(method=choose.choice(METHODS)),
            )
            self.engine.submit(prompt)
            self.prompts[number, choice] = prompt
            self.made[number, choice] = []
            self.open.add((number, choice))

    def cancel(self) -> None:
        if self.open:
            sequence_id, _ = self.choose.choice(sorted(self.open))
            self.engine.cancel(sequence_id)
            self.open = {key for key in self.open if key[0] != sequence_id}

    def step(self) -> None:
        report = self.engine.step()
        assert not report.failures
        for advance in report.advances:
            self._take(advance)
        check_cache(self.engine, report)

    def _take(self, advance: Advance) -> None:
        key = (advance.sequence_id, advance.choice)
        assert key in self.open, "an event after the last"
        self.made[key] += [chosen.token for chosen in advance.logprobs]
        if advance.outcome is None:
            return
        self.open.remove(key)
        self.finished.add(key)
        outcome, prompt = advance.outcome, self.prompts[key]
        assert 0 <= outcome.cached_tokens < outcome.prompt_tokens == len(prompt.tokens)
        assert outcome.accepted_tokens <= outcome.drafted_tokens
        if not prompt.adapters and len(prompt.tokens) < CONTEXT // 2:
            asked = detokenize(self.engine.vocabulary, prompt.tokens)
            self.histories.append(
                f"{asked}{detokenize(self.engine.vocabulary, self.made[key])}<|im_end|>\n"
            )


def check_cache(engine: LlamaEngine, report: StepReport) -> None:
    """What the cache believes of each of llama.cpp's sequences is so."""
    cache = engine._cache  # pyright: ignore[reportPrivateUsage]  # what is tested
    expected = dict(held(cache))
    memory = lib.llama_get_memory(cache.context)
    for sequence in range(lib.llama_n_seq_max(cache.context)):
        count = expected.get(sequence, 0)
        assert lib.llama_memory_seq_pos_max(memory, sequence) == count - 1
        assert lib.llama_memory_seq_pos_min(memory, sequence) == (0 if count else -1)
    assert report.cached_tokens == cells(cache.context, sum(expected.values()))


def held(cache: Any) -> Iterator[tuple[int, int]]:
    """How many tokens each sequence has, by the cache's own account."""
    if isinstance(cache, StreamCache):
        for slot, part in enumerate(cache._parts):  # pyright: ignore[reportPrivateUsage]  # what is tested
            yield slot, part.lease.computed if part.lease else len(part.kept)
    elif isinstance(cache, UnifiedCache):
        for slot, running in cache._running.items():  # pyright: ignore[reportPrivateUsage]  # what is tested
            yield slot, running.lease.computed
        for slot, ended in cache._ended._ended.items():  # pyright: ignore[reportPrivateUsage]  # what is tested
            yield slot, len(ended.tokens)


def cells(context: Any, held_tokens: int) -> int:
    """How many cells llama.cpp has in use, by the size of its whole state: for each cell what it
    holds, for each text in it four bytes, and a little for each part."""
    return (lib.llama_state_get_size(context) - 4 * held_tokens) // CELL_BYTES


@pytest.mark.parametrize("cache", [LoadSettings.STREAMS, LoadSettings.UNIFIED], ids=["s", "u"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_comes_each_text_ends_once_and_says_what_it_says_alone(
    engines: Engines, seed: int, cache: LoadSettings.KeyValueCache.ValueType
) -> None:
    choose = random.Random(seed)  # noqa: S311 - nothing secret
    run = Run(engines.start(choose, cache), choose)

    for number in range(SUBMISSIONS):
        run.submit(number)
        for _ in range(choose.choice([0, 0, 1, 5, 30])):
            if not run.engine.idle:
                run.step()
        if choose.random() < 0.2:
            run.cancel()
    while not run.engine.idle:
        run.step()

    assert not run.open
    for key in run.finished:
        assert engines.worst(run.prompts[key], run.made[key]) < NOISE
    full = (list(run.prompts[0, 0].tokens) * CONTEXT)[: CONTEXT - 1]
    run.prompts[-1, 0] = Prompt(-1, full, GREEDY, monotonic())
    run.made[-1, 0] = []
    run.engine.submit(run.prompts[-1, 0])
    run.open.add((-1, 0))
    while not run.engine.idle:
        run.step()
