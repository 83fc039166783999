"""What is told of a prompt's tokens is what llama.cpp by itself computes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from funland.v1.inference_pb2 import Speculation
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.adapters import Adapters
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.speculation.guesses import Guesses
from funland_worker.engines.protocol import StepReport, TokenLogprob
from tests import lora_files
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine
from tests.worker.engines.llama_cpp.forgetful_models import (
    write_plain,
    write_recurrent,
    write_windowed,
)
from tests.worker.engines.llama_cpp.plain_context import plain_logprobs

pytestmark = pytest.mark.usefixtures("contexts_end_with_their_test")

CACHES = pytest.mark.parametrize(
    "cache", [LoadSettings.STREAMS, LoadSettings.UNIFIED], ids=["streams", "unified"]
)
NOTHING = replace(GREEDY, max_tokens=0)
LONG = "Once upon a time there was a fox who lived in a small house by the sea. " * 12


def told(reports: Sequence[StepReport]) -> dict[int, tuple[TokenLogprob, ...]]:
    """What was told of each sequence's prompt, which is told once."""
    each = [one for report in reports for one in report.prompt_logprobs]
    assert len({sequence_id for sequence_id, _ in each}) == len(each)
    return dict(each)


def assert_right(
    model: LlamaModel, tokens: Sequence[int], told: Sequence[TokenLogprob], top: int = 0
) -> None:
    right = plain_logprobs(model.handle, tokens)
    assert [one.token for one in told] == list(tokens)
    assert [one.piece for one in told] == list(map(model.vocabulary.piece, tokens))
    assert (told[0].logprob, told[0].top) == (None, ())
    for place, one in enumerate(told[1:]):
        assert one.logprob == pytest.approx(right[place][tokens[place + 1]], abs=1e-3)
        best = sorted(right[place], reverse=True)[:top]
        assert [other.logprob for other in one.top] == pytest.approx(best, abs=1e-3)
        for other in one.top:
            assert other.logprob == pytest.approx(right[place][other.token], abs=1e-3)


@CACHES
@pytest.mark.parametrize("top", [0, 3])
@pytest.mark.parametrize("text", [STORY, "a", LONG], ids=["chat", "one token", "long"])
def test_they_are_llama_cpps_own(
    start_engine: StartEngine, model: LlamaModel, cache: int, top: int, text: str
) -> None:
    driver = start_engine(cache=cache, context_length=512)
    tokens = driver.tokens(text)

    driver.submit(1, tokens, NOTHING, prompt_logprobs=top)
    reports = driver.run()

    assert_right(model, tokens, told(reports)[1], top)
    assert driver.texts[1] == ""


@pytest.fixture
def exact(tmp_path: Path) -> LlamaModel:
    """A model of float32. Where texts share passes or cells, llama.cpp adds up in another order
    than alone, and the embedded model's rounded weights make up to 0.2 of the last digits."""
    return LlamaModel(write_plain(tmp_path / "plain.gguf"))


def words(count: int, first: int = 0) -> list[int]:
    """Tokens that the small models know."""
    return [3 + (7 * place) % 60 for place in range(first, first + count)]


@pytest.mark.parametrize("write", [write_plain, write_windowed, write_recurrent])
def test_many_prompts_share_passes_with_each_other_and_with_texts(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    model = LlamaModel(write(tmp_path / "model.gguf"))
    writing = replace(GREEDY, max_tokens=40, ignore_end=True)
    alone = Driver(LlamaEngine(model, 512, 8, 1)).complete(words(30), writing)[0]
    driver = Driver(LlamaEngine(model, 512, 8, 1))
    driver.submit(0, words(30), writing)
    driver.step()
    prompts = [words(13 * number, number) for number in range(1, 13)]

    for number, tokens in enumerate(prompts, 1):
        driver.submit(number, tokens, replace(GREEDY, max_tokens=1), prompt_logprobs=1)
    reports = driver.run()

    for number, tokens in enumerate(prompts, 1):
        assert_right(model, tokens, told(reports)[number], 1)
    assert driver.texts[0] == alone
    widths = [report.prompt_tokens for report in reports]
    assert sum(widths) == sum(map(len, prompts)), "each was computed once, and whole"
    assert max(widths) > max(map(len, prompts[:2])), "several in a pass"


@CACHES
def test_nothing_is_taken_from_the_cache_and_others_may_take_from_it(
    start_engine: StartEngine, model: LlamaModel, cache: int
) -> None:
    driver = start_engine(cache=cache)
    text, first = driver.complete(STORY)
    tokens = driver.tokens(STORY)

    driver.submit(1, tokens, prompt_logprobs=0)
    reports = driver.run()
    _, after = driver.complete(STORY)

    assert first.cached_tokens == driver.outcomes[1].cached_tokens == 0
    assert driver.texts[1] == text
    assert_right(model, tokens, told(reports)[1])
    assert after.cached_tokens == len(tokens) - 1


def test_of_several_texts_the_first_computes_the_prompt_and_tells_it(
    start_engine: StartEngine, model: LlamaModel
) -> None:
    driver = start_engine()
    tokens = driver.tokens(STORY)

    for choice in range(3):
        more = {"prompt_logprobs": 0} if choice == 0 else {}
        driver.submit(1, tokens, replace(GREEDY, max_tokens=1), choice=choice, **more)
    reports: list[StepReport] = []
    while not driver.engine.idle:
        reports.append(driver.engine.step())

    assert_right(model, tokens, told(reports)[1])
    assert sum(report.prompt_tokens for report in reports) == len(tokens) + 2


def test_who_loses_its_part_of_the_cache_tells_the_same_once(exact: LlamaModel) -> None:
    driver = Driver(LlamaEngine(exact, 1024, 3, 1, kv_cells=1024))
    prompts = [words(505, number) for number in range(3)]

    for number, tokens in enumerate(prompts):
        sampling = replace(GREEDY, max_tokens=20, ignore_end=True)
        driver.submit(number, tokens, sampling, prompt_logprobs=0)
    reports = driver.run()

    active = [report.active_sequences for report in reports]
    assert any(later < earlier for earlier, later in pairwise(active[:-40])), "one had to wait"
    for number, tokens in enumerate(prompts):
        assert_right(exact, tokens, told(reports)[number])


def test_a_pass_has_no_more_scores_than_its_context_has_room_for(exact: LlamaModel) -> None:
    """llama.cpp gives up if it has, and takes the process with it."""
    driver = Driver(LlamaEngine(exact, 1024, 2, 1))
    room = 2 + Guesses.most
    lookup = Speculation(method=Speculation.PROMPT_LOOKUP)
    endless = replace(GREEDY, max_tokens=500, ignore_end=True)
    driver.submit(1, words(8) * 20, endless, speculation=lookup)
    while not driver.texts[1]:
        driver.step()

    driver.submit(2, words(400), NOTHING, prompt_logprobs=0)
    reports = driver.run()

    assert driver.outcomes[1].accepted_tokens
    assert_right(exact, words(400), told(reports)[2])
    assert 2 < max(report.prompt_tokens for report in reports) < room


def test_one_that_is_cancelled_amid_its_prompt_leaves_others_alone(exact: LlamaModel) -> None:
    driver = Driver(LlamaEngine(exact, 512, 4, 1))
    driver.submit(1, words(300), NOTHING, prompt_logprobs=0)
    driver.step()
    assert not driver.outcomes, "its prompt takes more than a pass"

    driver.engine.cancel(1)
    driver.submit(2, words(300), NOTHING, prompt_logprobs=0)
    reports = driver.run()

    assert list(told(reports)) == [2]
    assert_right(exact, words(300), told(reports)[2])


def test_adapters_act_on_what_is_told(model_path: Path, tmp_path: Path) -> None:
    model = LlamaModel(model_path)
    path = lora_files.write(tmp_path / "a.gguf")
    driver = Driver(LlamaEngine(model, 256, 4, 1, adapters=Adapters(model, {"a": path})))
    tokens = driver.tokens(STORY)

    driver.submit(1, tokens, NOTHING, prompt_logprobs=0)
    driver.submit(2, tokens, NOTHING, prompt_logprobs=0, adapters=(("a", 1.0),))
    both = told(driver.run())

    assert_right(model, tokens, both[1])
    apart = [
        abs((one.logprob or 0) - (other.logprob or 0))
        for one, other in zip(both[1], both[2], strict=True)
    ]
    assert max(apart) > 0.1


def test_progress_is_told_after_each_pass_to_those_who_ask(driver: Driver) -> None:
    long = driver.tokens(STORY) * 14
    driver.submit(1, long, progress=True)
    driver.submit(2, driver.tokens("Hello") * 40, replace(GREEDY, max_tokens=3))
    first = driver.run()
    driver.submit(3, long, NOTHING, progress=True)
    again = driver.run()

    news = [one for report in first for one in report.prefills]
    assert {sequence_id for sequence_id, _ in news} == {1}
    done = [prefill.done for _, prefill in news]
    assert done == sorted(set(done))
    assert (done[-1], news[-1][1].total, news[-1][1].cached) == (len(long), len(long), 0)
    times = [prefill.elapsed_ms for _, prefill in news]
    assert times == sorted(times)
    ((_, prefill),) = [one for report in again for one in report.prefills]
    assert (prefill.done, prefill.total, prefill.cached) == (len(long), len(long), len(long) - 1)
    assert driver.outcomes[3].cached_tokens == len(long) - 1
