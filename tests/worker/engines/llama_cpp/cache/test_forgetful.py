"""Models that forget what came long ago: their texts are right, whatever is reused of them."""

from __future__ import annotations

import random
from dataclasses import replace
from time import monotonic

import pytest

from funland.v1.inference_pb2 import Speculation
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import Outcome, Prompt
from tests.worker.conftest import GREEDY
from tests.worker.engines.llama_cpp import forgetful_models

WRITE = {
    "windowed": forgetful_models.write_windowed,
    "recurrent": forgetful_models.write_recurrent,
}
SHORT = replace(GREEDY, max_tokens=12, ignore_end=True)
Key = tuple[int, int]


@pytest.fixture(params=WRITE, scope="module")
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LlamaModel:
    library.start()
    return LlamaModel(WRITE[request.param](tmp_path_factory.mktemp("models") / "model.gguf"))


@pytest.fixture(params=[LoadSettings.STREAMS, LoadSettings.UNIFIED], ids=["streams", "unified"])
def cache(request: pytest.FixtureRequest) -> LoadSettings.KeyValueCache.ValueType:
    return request.param


def tokens(count: int, seed: int = 0) -> list[int]:
    choose = random.Random(seed)  # noqa: S311 - nothing secret
    return [choose.randrange(4, forgetful_models.VOCABULARY) for _ in range(count)]


def run(engine: LlamaEngine, prompts: list[Prompt]) -> tuple[dict[Key, list[int]], list[Outcome]]:
    """The tokens that each prompt brings, and how they ended."""
    made: dict[Key, list[int]] = {}
    outcomes: list[Outcome] = []
    for prompt in prompts:
        engine.submit(prompt)
    while not engine.idle:
        for advance in engine.step().advances:
            key = (advance.sequence_id, advance.choice)
            made.setdefault(key, []).extend(chosen.token for chosen in advance.logprobs)
            if advance.outcome is not None:
                outcomes.append(advance.outcome)
    return made, outcomes


def prompt(number: int, known: list[int], choice: int = 0, **more: object) -> Prompt:
    plain = Prompt(number, known, SHORT, monotonic(), choice=choice, top_logprobs=0)
    return replace(plain, **more)


def test_texts_that_begin_alike_do_not_disturb_each_other(
    model: LlamaModel, cache: LoadSettings.KeyValueCache.ValueType
) -> None:
    common = tokens(60)
    prompts = [
        *(prompt(1, common, choice) for choice in range(3)),
        *(prompt(2 + n, [*common[: 60 - 9 * n], *tokens(20, seed=n)]) for n in range(4)),
    ]
    alone = [run(LlamaEngine(model, 256, 1, 1), [one])[0] for one in prompts]

    made, _ = run(LlamaEngine(model, 256, 4, 1, cache=cache), prompts)

    for one, expected in zip(prompts, alone, strict=True):
        key = (one.sequence_id, one.choice)
        assert made[key] == expected[key]


def test_the_next_turn_goes_on_from_the_one_before(
    model: LlamaModel, cache: LoadSettings.KeyValueCache.ValueType
) -> None:
    engine = LlamaEngine(model, 256, 2, 1, cache=cache)
    known = tokens(50)
    for turn in range(3):
        alone = run(LlamaEngine(model, 256, 1, 1), [prompt(turn, known)])[0]

        made, outcomes = run(engine, [prompt(turn, known)])

        assert made == alone
        assert outcomes[0].cached_tokens == (len(known) - 11 if turn else 0)
        known = [*known, *made[turn, 0], *tokens(10, seed=turn + 1)]


def test_when_cells_run_out_texts_stay_the_same(model: LlamaModel) -> None:
    prompts = [prompt(number, tokens(200, seed=number)) for number in range(4)]
    alone = [run(LlamaEngine(model, 256, 1, 1), [one])[0] for one in prompts]

    made, _ = run(LlamaEngine(model, 256, 4, 1, kv_cells=512), prompts)

    assert [made[number, 0] for number in range(4)] == [
        alone[number][number, 0] for number in range(4)
    ]


def test_one_text_may_have_the_whole_context_whatever_the_slots(model: LlamaModel) -> None:
    engine = LlamaEngine(model, 1024, 8, 1, kv_cells=1024)

    made, outcomes = run(engine, [prompt(1, tokens(1000))])

    assert len(made[1, 0]) == outcomes[0].completion_tokens == 12


def test_guesses_change_nothing(model: LlamaModel) -> None:
    known = tokens(5) * 8
    alone = run(LlamaEngine(model, 256, 1, 1), [prompt(1, known)])[0]
    lookup = Speculation(method=Speculation.PROMPT_LOOKUP)

    made, _ = run(LlamaEngine(model, 256, 1, 1), [prompt(1, known, speculation=lookup)])

    assert made == alone
