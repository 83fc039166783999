"""Texts of a model whose state goes back are guessed, and are what llama.cpp itself would write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from funland.v1.inference_pb2 import Speculation
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.speculation.draft import DraftModel
from funland_worker.engines.llama_cpp.speculation.guesses import Guesses
from funland_worker.engines.protocol import EngineError, Outcome, Prompt
from tools.zoo.files import write_model
from tools.zoo.reference import Text, check
from tools.zoo.trials import prompt, tokens

pytestmark = pytest.mark.usefixtures("contexts_end_with_their_test")

NONE = Speculation(method=Speculation.NONE)
LOOKUP = Speculation(method=Speculation.PROMPT_LOOKUP)
LONG = replace(prompt(0, [5]).sampling, max_tokens=40)
EPSILON = 0.03
"""What the norms of the draft model add. It is else the model itself, so it guesses half right."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LlamaModel:
    return LlamaModel(write_model(tmp_path_factory.mktemp("models"), "lfm2"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> LlamaModel:
    folder = tmp_path_factory.mktemp("models")
    near: dict[str, Any] = {"attention__layer_norm_rms_epsilon": EPSILON}
    return LlamaModel(write_model(folder, "lfm2", name="small", **near))


def engine_of(model: LlamaModel, guesses: Guesses | None = None) -> LlamaEngine:
    return LlamaEngine(model, 512, 4, 1, kv_cells=2048, guesses=guesses)


class Writing:
    """What comes of texts that are submitted at any time."""

    def __init__(self, engine: LlamaEngine) -> None:
        self.engine = engine
        self.texts: dict[int, Text] = {}
        self.outcomes: dict[int, Outcome] = {}

    def submit(self, number: int, known: Sequence[int], **more: object) -> None:
        wanted: Prompt = replace(prompt(number, known, LONG), **more)
        self.texts[number] = Text([*known], [], [])
        self.engine.submit(wanted)

    def steps(self) -> Iterator[None]:
        """Computes a pass each time, until all texts have ended."""
        while not self.engine.idle:
            for advance in self.engine.step().advances:
                text = self.texts[advance.sequence_id]
                text.made.extend(chosen.token for chosen in advance.logprobs)
                text.logprobs.extend(chosen.logprob or 0.0 for chosen in advance.logprobs)
                if advance.outcome is not None:
                    self.outcomes[advance.sequence_id] = advance.outcome
            yield

    def right(self, model: LlamaModel) -> list[bool]:
        """Whether each text is llama.cpp's."""
        return [check(model, text).right for text in self.texts.values()]

    @property
    def accepted(self) -> list[bool]:
        """Whether of each some guesses were right, and some not."""
        told = self.outcomes.values()
        return [one.drafted_tokens > one.accepted_tokens > 0 for one in told]


def test_guessed_texts_stand_beside_others_and_beside_prompts(
    model: LlamaModel, small: LlamaModel
) -> None:
    writing = Writing(engine_of(model, Guesses(DraftModel(small, model, 512, 1))))
    for number in range(2):
        writing.submit(number, tokens(20 + number, seed=number))
    writing.submit(2, tokens(30, seed=2), speculation=NONE)
    for step, _ in enumerate(writing.steps()):
        if step == 6:
            writing.submit(3, tokens(150, seed=3))

    assert writing.right(model) == [True] * 4
    assert sum(writing.accepted) >= 2
    assert writing.outcomes[2].drafted_tokens == 0


def test_a_text_begins_with_one_that_is_guessed_meanwhile(model: LlamaModel) -> None:
    writing = Writing(engine_of(model, Guesses(DraftModel(model, model, 512, 1))))
    writing.submit(0, tokens(40))
    before = 0
    for _ in writing.steps():
        if len(first := writing.texts[0].made) >= 20 and 1 not in writing.texts:
            before = len(first)
            writing.submit(1, [*tokens(40), *first, *tokens(20, seed=1)])

    assert writing.right(model) == [True] * 2
    assert writing.outcomes[1].cached_tokens == 40 + before


def test_a_model_loaded_without_guesses_keeps_no_states_for_them(model: LlamaModel) -> None:
    writing = Writing(engine_of(model))
    writing.submit(0, tokens(5) * 8, speculation=LOOKUP)
    for _ in writing.steps():
        pass

    assert lib.llama_n_rs_seq(writing.engine.context) == 0
    assert writing.outcomes[0].drafted_tokens == 0
    assert writing.right(model) == [True]


def test_as_many_states_are_kept_as_tokens_are_guessed_ahead(model: LlamaModel) -> None:
    default = Speculation(method=Speculation.PROMPT_LOOKUP, max_tokens=3)

    engine = engine_of(model, Guesses(default=default))

    assert lib.llama_n_rs_seq(engine.context) == 3


def test_a_model_that_cant_try_out_a_text_is_no_draft_model(
    model: LlamaModel, tmp_path: Path
) -> None:
    uneven = LlamaModel(write_model(tmp_path, "arwkv7"))

    with pytest.raises(EngineError, match="can't take back"):
        DraftModel(uneven, model, 512, 1)
