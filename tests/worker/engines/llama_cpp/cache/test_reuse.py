"""Keys and values that are used elsewhere in a text than where they were computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pytest

from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.cache.cells import taken_apart
from funland_worker.engines.llama_cpp.cache.grafting import graft, moves_rightly
from funland_worker.engines.llama_cpp.cache.state import State, Transfer
from funland_worker.engines.llama_cpp.cache.store import StateStore
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import Outcome, TokenLogprob
from tests.worker.conftest import GREEDY, Driver
from tests.worker.engines.llama_cpp.fresh_context import new_context
from tools.bench.synthetic_model import make

ROOM = 50_000_000
LEAST = 64
WRITES = replace(GREEDY, max_tokens=6, ignore_end=True)
WORDS = np.random.default_rng(3).integers(3, 500, 2000).tolist()
DOCUMENT, OTHER = WORDS[:200], WORDS[200:400]
FIRST, SECOND, THIRD = WORDS[1000:1020], WORDS[1100:1133], WORDS[1200:1204]


class Written(NamedTuple):
    """What became of a text."""

    tokens: list[TokenLogprob]
    outcome: Outcome


@pytest.fixture(scope="module")
def one_layer(tmp_path_factory: pytest.TempPathFactory) -> LlamaModel:
    """A model whose keys and values know nothing of the tokens before them: so what is moved is
    what would be computed there, if it is moved rightly."""
    library.start()
    return LlamaModel(make(tmp_path_factory.mktemp("models"), "micro"))


def start(model: LlamaModel, least: int = LEAST, slots: int = 2, **more: Any) -> Driver:
    more = {"kv_cells": 8192, "store": StateStore(ROOM), **more}
    return Driver(LlamaEngine(model, 1024, slots, 1, least_chunk=least, **more))


def written(driver: Driver, *prompts: Sequence[int], **more: Any) -> list[Written]:
    """What becomes of texts that come together."""
    tokens: dict[int, list[TokenLogprob]] = {}
    for number, prompt in enumerate(prompts):
        driver.submit(number, prompt, WRITES, top_logprobs=0, **more)
    while not driver.engine.idle:
        for advance in driver.step().advances:
            tokens.setdefault(advance.sequence_id, []).extend(advance.logprobs)
    found = [Written(tokens[number], driver.outcomes[number]) for number in range(len(prompts))]
    driver.outcomes.clear()
    return found


def check_same(found: Written, whole: Written) -> None:
    """That a text is as one that is computed whole, but for the roundings of keys that moved."""
    for one, other in zip(found.tokens, whole.tokens, strict=True):
        assert one.token == other.token
        assert one.logprob == pytest.approx(other.logprob, abs=0.01)


def plain(model: LlamaModel, prompt: Sequence[int]) -> Written:
    return written(start(model, 0), prompt)[0]


@pytest.mark.parametrize("ahead", [[], FIRST, [*OTHER, *FIRST]], ids=["first", "later", "second"])
def test_a_text_that_stands_elsewhere_is_not_computed_again(
    one_layer: LlamaModel, ahead: list[int]
) -> None:
    driver = start(one_layer)
    written(driver, [*ahead, *DOCUMENT, *THIRD])
    prompt = [*SECOND, *DOCUMENT, *FIRST]

    (found,) = written(driver, prompt)

    assert found.outcome.cached_tokens == len(DOCUMENT)
    check_same(found, plain(one_layer, prompt))


def test_several_texts_come_from_several(one_layer: LlamaModel) -> None:
    driver = start(one_layer)
    written(driver, [*FIRST, *DOCUMENT, *THIRD])
    written(driver, [*THIRD, *OTHER, *FIRST])
    prompt = [*SECOND, *OTHER, *DOCUMENT, *FIRST]

    (found,) = written(driver, prompt)

    assert found.outcome.cached_tokens == len(DOCUMENT) + len(OTHER)
    check_same(found, plain(one_layer, prompt))


def test_what_was_moved_is_moved_again(one_layer: LlamaModel) -> None:
    driver = start(one_layer)
    prompts = [[*ahead, *DOCUMENT, *THIRD] for ahead in (FIRST, SECOND, [*FIRST, *SECOND])]

    found = [written(driver, prompt)[0] for prompt in prompts]

    assert found[0].outcome.cached_tokens == 0
    assert all(one.outcome.cached_tokens >= len(DOCUMENT) for one in found[1:])
    check_same(found[-1], plain(one_layer, prompts[-1]))


def test_its_beginning_is_used_too(one_layer: LlamaModel) -> None:
    driver = start(one_layer)
    written(driver, [*FIRST, *DOCUMENT, *THIRD])
    written(driver, [*SECOND, *SECOND, *THIRD])
    prompt = [*SECOND, *SECOND, *FIRST, *DOCUMENT, *FIRST]

    (found,) = written(driver, prompt)

    assert found.outcome.cached_tokens == 2 * len(SECOND) + len(FIRST) + len(DOCUMENT)
    check_same(found, plain(one_layer, prompt))


def test_texts_that_come_together_compute_it_once(one_layer: LlamaModel) -> None:
    driver = start(one_layer, slots=4)
    long = WORDS[200:500]
    prompts = [[*ahead, *long] for ahead in (FIRST, SECOND, THIRD, DOCUMENT)]

    found = written(driver, *prompts)

    assert [one.outcome.cached_tokens for one in found] == [0, *[len(long) - 1] * 3]
    for one, prompt in zip(found, prompts, strict=True):
        check_same(one, plain(one_layer, prompt))


def test_a_text_that_loses_its_part_of_the_cache_is_the_same(one_layer: LlamaModel) -> None:
    """Two have no room together when they grow: the younger begins again."""
    driver = start(one_layer, kv_cells=512)
    written(driver, [*FIRST, *DOCUMENT, *THIRD])
    prompts = [[*SECOND, *DOCUMENT], [*OTHER, *DOCUMENT[:150], *SECOND]]

    found = written(driver, *prompts)

    for one, prompt in zip(found, prompts, strict=True):
        check_same(one, plain(one_layer, prompt))


def test_shorter_runs_are_computed(one_layer: LlamaModel) -> None:
    driver = start(one_layer, least=len(DOCUMENT) + 1)
    written(driver, [*FIRST, *DOCUMENT, *THIRD])

    (found,) = written(driver, [*SECOND, *DOCUMENT, *FIRST])

    assert found.outcome.cached_tokens == 0


def test_nothing_is_moved_unasked(one_layer: LlamaModel) -> None:
    driver = start(one_layer, least=0)
    written(driver, [*FIRST, *DOCUMENT, *THIRD])

    (found,) = written(driver, [*SECOND, *DOCUMENT, *FIRST])

    assert found.outcome.cached_tokens == 0


def test_a_prompt_whose_probabilities_are_wanted_is_computed(one_layer: LlamaModel) -> None:
    driver = start(one_layer)
    written(driver, [*FIRST, *DOCUMENT, *THIRD])

    (found,) = written(driver, [*SECOND, *DOCUMENT, *FIRST], prompt_logprobs=0)

    assert found.outcome.cached_tokens == 0


def test_answers_of_a_real_model_stay_near(model: LlamaModel) -> None:
    """What a text says of a document hardly depends on whether the question stood before it."""
    driver = start(model)
    told = "Tim had a red ball. He liked to play with it in the park. A dog came. " * 6
    asked = f"<|im_start|>user\n{{}}{told}<|im_end|>\n<|im_start|>assistant\n"
    tokens = [driver.tokens(asked.format(words)) for words in ("Hello. ", "What is this? ")]
    written(driver, tokens[0])

    (found,) = written(driver, tokens[1])

    assert found.outcome.cached_tokens > 100
    first, whole = found.tokens[0], plain(model, tokens[1]).tokens[0]
    assert first.token == whole.token


def test_a_state_is_put_together_as_it_was(one_layer: LlamaModel) -> None:
    transfer = _computed(one_layer, DOCUMENT)
    state = transfer.save(0, 0)
    cells = taken_apart(state)
    assert cells is not None

    again = cells.between(0, 80).followed_by(cells.between(80, 300)).state()

    assert again.buffer[: again.stop].tobytes() == state.buffer[: state.stop].tobytes()


@pytest.mark.parametrize("damage", ["nothing", "cut", "another form"])
def test_what_is_no_plain_state_is_not_taken_apart(damage: str) -> None:
    written = np.zeros(64, np.uint8)
    if damage == "cut":
        written[12] = 200
    if damage == "another form":
        written[12], written[20], written[28] = 1, 1, 7

    assert taken_apart(State.of(written, 12)) is None


def test_cells_behind_an_empty_text_are_its_beginning(one_layer: LlamaModel) -> None:
    transfer = _computed(one_layer, [*FIRST, *DOCUMENT])
    cells = taken_apart(transfer.save(0, 0))
    assert cells is not None
    lib.llama_memory_seq_rm(lib.llama_get_memory(transfer.context), 0, -1, -1)

    assert graft(transfer, 0, 0, cells.between(len(FIRST), 2000))

    there = taken_apart(transfer.save(0, 0))
    assert there is not None
    assert there.positions.tolist() == list(range(len(DOCUMENT)))


def test_keys_that_are_moved_are_those_of_their_new_place(
    one_layer: LlamaModel, model: LlamaModel
) -> None:
    for one in (one_layer, model):
        assert moves_rightly(_computed(one, []), 8)


def _computed(model: LlamaModel, tokens: Sequence[int]) -> Transfer:
    """A context of one text that has these tokens."""
    context = new_context(model, 512)
    if tokens:
        batch = Batch(len(tokens))
        batch.add(0, 0, tokens, outputs=0)
        assert batch.decode(context) == 0
    return Transfer(context, 1, model.memory)
