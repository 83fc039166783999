"""What is written about pictures and sounds is what llama.cpp itself writes, whoever is beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from funland.v1.inference_pb2 import GenerationOptions
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.projector import Projector
from funland_worker.engines.media import MediaChunk, ReadMedia, spans
from funland_worker.engines.protocol import Outcome, Prompt
from tests import projectors
from tests.worker.conftest import GREEDY
from tests.worker.engines.llama_cpp.shown_context import Piece, ShownContext
from tools.zoo.files import write_model
from tools.zoo.headers import LENGTH

pytestmark = pytest.mark.usefixtures("contexts_end_with_their_test")

MADE = 10
SHORT = replace(GREEDY, max_tokens=MADE, ignore_end=True)
STREAMS, UNIFIED = LoadSettings.STREAMS, LoadSettings.UNIFIED
WORDS = "Once there was a fox who found a golden key in the forest. "

KINDS = {
    "mlp": "llama",  # rows one behind the other
    "gemma3": "gemma3",  # rows that see each other, and a window
    "qwen2vl_merger": "qwen2vl",  # rows that lie beside each other
    "ultravox": "llama",  # sound
}


@dataclass(frozen=True, slots=True)
class Sight:
    """A model that is shown something, and llama.cpp's own way to show it that."""

    kind: str
    model: LlamaModel
    projector: Projector
    reference: ShownContext
    known: dict[bytes, ReadMedia] = field(default_factory=dict[bytes, ReadMedia])

    def piece(self, seed: int) -> Piece:
        """A picture or a sound, another for each seed."""
        if self.kind == "ultravox":
            tone = np.sin(np.arange(16_000) * (seed + 1) / 20)
            return (tone / (seed + 2)).astype(np.float32)
        height, width = ((70, 98), (42, 126), (56, 56))[seed % 3]
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)

    def prompt(self, number: int, pieces: Sequence[Piece]) -> Prompt:
        """What the engine is given of them."""
        tokens: list[int] = []
        chunks: list[MediaChunk] = []
        for place, piece in enumerate(pieces):
            if isinstance(piece, str):
                tokens += self.model.vocabulary.tokenize(
                    piece, add_special=not place, parse_special=True
                )
                continue
            read = self.read(piece)
            chunks += read.chunks
            tokens += read.tokens
        return Prompt(
            number, tokens, SHORT, monotonic(), top_logprobs=0, media=spans(tokens, chunks)
        )

    def read(self, piece: NDArray[Any]) -> ReadMedia:
        """What a picture or a sound is, with its rows; each is computed once."""
        digest = piece.tobytes()
        if digest not in self.known:
            by_kind = self.projector.read_audio if piece.ndim == 1 else self.projector.read_image
            self.known[digest] = by_kind(piece, digest, "media")
            for chunk in self.known[digest].chunks:
                self.projector.compute(chunk)
        return self.known[digest]

    def engines(self) -> list[LlamaEngine]:
        kinds = [STREAMS, UNIFIED] if self.model.memory.moves else [STREAMS]
        return [LlamaEngine(self.model, 1024, 6, 1, cache=kind, kv_cells=6144) for kind in kinds]

    def check(self, prompts: Sequence[Sequence[Piece]], told: Sequence[Told]) -> None:
        """That llama.cpp writes the same behind each of the prompts, and counts as much."""
        for pieces, one in zip(prompts, told, strict=True):
            assert len(one.made) == MADE
            assert self.reference.check_greedy(pieces, one.made) == one.outcome.prompt_tokens


@dataclass(slots=True)
class Told:
    """What came of a text."""

    made: list[int]
    scores: list[float]
    """How likely they were."""
    outcome: Outcome


@pytest.fixture(params=KINDS, scope="module")
def sight(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sight:
    folder: Path = tmp_path_factory.mktemp("sight")
    model = LlamaModel(write_model(folder, KINDS[request.param]))
    path = projectors.write_random(folder / "projector.gguf", request.param, LENGTH)
    projector = Projector(path, model, 1)
    model.reads_at_once = projector.at_once
    return Sight(request.param, model, projector, ShownContext(model, path))


def run(engine: LlamaEngine, prompts: Sequence[Prompt]) -> list[Told]:
    """What is written after each of the prompts, all at once."""
    made: dict[int, list[int]] = {prompt.sequence_id: [] for prompt in prompts}
    scores: dict[int, list[float]] = {prompt.sequence_id: [] for prompt in prompts}
    outcomes: dict[int, Outcome] = {}
    for prompt in prompts:
        engine.submit(prompt)
    while not engine.idle:
        for advance in engine.step().advances:
            made[advance.sequence_id] += (chosen.token for chosen in advance.logprobs)
            scores[advance.sequence_id] += (chosen.logprob or 0.0 for chosen in advance.logprobs)
            if advance.outcome is not None:
                outcomes[advance.sequence_id] = advance.outcome
    return [Told(made[number], scores[number], outcomes[number]) for number in made]


def test_a_picture_alone_and_then_another_one(sight: Sight) -> None:
    prompts = [["Look: ", sight.piece(seed), " What is it?"] for seed in (0, 1)]
    for engine in sight.engines():
        told = [run(engine, [sight.prompt(0, pieces)])[0] for pieces in prompts]

        sight.check(prompts, told)
        assert told[0].scores != pytest.approx(told[1].scores, abs=0.01)


def test_pictures_beside_texts_and_each_other(sight: Sight) -> None:
    prompts: list[list[Piece]] = [
        [WORDS],
        ["See ", sight.piece(0), " and ", sight.piece(1), " now"],
        [WORDS * 5],
        [sight.piece(2), WORDS],
        [WORDS * 2, sight.piece(1), "."],
        ["The end."],
    ]
    for engine in sight.engines():
        told = run(engine, [sight.prompt(n, pieces) for n, pieces in enumerate(prompts)])

        sight.check(prompts, told)


def test_what_was_shown_before_is_not_computed_again(sight: Sight) -> None:
    first: list[Piece] = [WORDS, sight.piece(0), " What is it?"]
    turns: list[list[Piece]] = [
        [*first, " And then?"],
        [WORDS, sight.piece(0), " Else?", sight.piece(1), WORDS],
        [WORDS, sight.piece(1), " What is it?"],
    ]
    for engine in sight.engines():
        run(engine, [sight.prompt(0, first)])

        told = [run(engine, [sight.prompt(0, pieces)])[0] for pieces in turns]

        sight.check(turns, told)
        shown = len(sight.prompt(0, [WORDS, sight.piece(0)]).tokens)
        cached = [one.outcome.cached_tokens for one in told]
        assert cached[0] >= shown
        assert cached[1] >= shown
        said = sight.prompt(0, [WORDS, sight.piece(1)]).media[0].start
        assert cached[2] <= said, "only the words are the same"


def test_texts_that_begin_with_one_picture_compute_it_once(sight: Sight) -> None:
    prompts: list[list[Piece]] = [
        [WORDS, sight.piece(0), f" {number} times?"] for number in range(5)
    ]
    for engine in sight.engines():
        told = run(engine, [sight.prompt(n, pieces) for n, pieces in enumerate(prompts)])

        sight.check(prompts, told)
        shown = len(sight.prompt(0, [WORDS, sight.piece(0)]).tokens)
        assert sum(one.outcome.cached_tokens >= shown for one in told) == len(told) - 1


def test_one_that_has_to_wait_again_is_as_before(sight: Sight) -> None:
    prompts: list[list[Piece]] = [[WORDS * 3, sight.piece(seed), WORDS] for seed in range(6)]
    engine = LlamaEngine(sight.model, 1024, 6, 1, cache=UNIFIED, kv_cells=1024)

    told = run(engine, [sight.prompt(n, pieces) for n, pieces in enumerate(prompts)])

    sight.check(prompts, told)


def test_penalties_and_background_go_with_pictures(sight: Sight) -> None:
    pieces: list[Piece] = ["Look: ", sight.piece(0), " What is it?"]
    engine = sight.engines()[0]
    sampling = replace(SHORT, repetition_penalty=1.3, penalty_window=1024)
    prompts = [
        replace(sight.prompt(0, pieces), priority=GenerationOptions.LOW),
        replace(sight.prompt(1, pieces), sampling=sampling),
    ]

    told = run(engine, prompts)

    sight.check([pieces], told[:1])
    assert len(set(told[1].made)) > len(set(told[0].made)) // 2
