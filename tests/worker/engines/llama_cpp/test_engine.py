"""Continuous batching: what a sequence says does not depend on its neighbours."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest

from funland.v1.inference_pb2 import EmbedRequest, Finish, GenerationOptions
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines import prefill
from tests import sure_stories
from tests.worker.conftest import GREEDY, STORY, Driver, StartEngine

PROMPTS = [
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n",
    STORY,
    "<|im_start|>user\n你好<|im_end|>\n<|im_start|>assistant\n",
    *sure_stories.PROMPTS[:2],
]
SURE = sure_stories.PROMPTS[sure_stories.HEROES.index("star")]
"""Also after a long instruction."""
SHORT = replace(GREEDY, max_tokens=20, ignore_end=True)


@pytest.fixture(params=[LoadSettings.STREAMS, LoadSettings.UNIFIED], ids=["streams", "unified"])
def start_engine(start_engine: StartEngine, request: pytest.FixtureRequest) -> StartEngine:
    """Makes an engine with either cache."""
    return partial(start_engine, cache=request.param)


@pytest.fixture
def driver(start_engine: StartEngine) -> Driver:
    return start_engine()


def test_sequences_join_and_leave_at_any_step(start_engine: StartEngine) -> None:
    alone = [start_engine().complete(prompt, SHORT)[0] for prompt in PROMPTS]
    driver = start_engine(slots=3)
    widths: list[int] = []

    for number, prompt in enumerate(PROMPTS):
        driver.submit(number, prompt, SHORT)
        widths += [driver.step().active_sequences for _ in range(3)]
    driver.run()

    assert [driver.texts[number] for number in range(len(PROMPTS))] == alone
    assert max(widths) == 3, "they ran together, but for those that waited for a slot"


def test_those_without_a_slot_wait_in_order(start_engine: StartEngine) -> None:
    driver = start_engine(slots=2)
    for number in range(4):
        driver.submit(number, sampling=SHORT)

    assert driver.step().waiting_sequences == 2
    driver.run()

    assert list(driver.outcomes) == [0, 1, 2, 3]


def test_one_step_advances_all_sequences(driver: Driver) -> None:
    for number in range(4):
        driver.submit(number, sampling=SHORT)

    reports = driver.run()

    assert max(report.decoded_sequences for report in reports) == 4
    assert sum(len(report.advances) for report in reports) == 4 * 20


def test_cancelling_frees_the_slot_before_the_next_step(start_engine: StartEngine) -> None:
    driver = start_engine(slots=1)
    driver.submit(1)
    driver.step()
    driver.submit(2, sampling=SHORT)

    driver.engine.cancel(1)
    report = driver.step()

    assert [advance.sequence_id for advance in report.advances] == [2]
    assert (report.active_sequences, report.waiting_sequences) == (1, 0)


def test_one_that_waits_can_be_cancelled(start_engine: StartEngine) -> None:
    driver = start_engine(slots=1)
    driver.submit(1, sampling=SHORT)
    driver.submit(2)
    driver.step()

    driver.engine.cancel(2)
    driver.run()

    assert list(driver.outcomes) == [1]
    assert driver.texts[2] == ""


def test_the_more_urgent_go_first_and_in_their_order(start_engine: StartEngine) -> None:
    driver = start_engine(slots=1)
    driver.submit(0, sampling=SHORT)
    driver.step()
    low, high = GenerationOptions.LOW, GenerationOptions.HIGH

    for number, priority in enumerate((low, GenerationOptions.NORMAL, high, low, high), start=1):
        driver.submit(number, sampling=SHORT, priority=priority)
    driver.run()

    assert list(driver.outcomes) == [0, 3, 5, 2, 1, 4]


def test_those_that_wait_are_told_their_place_when_it_changes(start_engine: StartEngine) -> None:
    driver = start_engine(slots=1)
    for number in range(3):
        driver.submit(number, sampling=SHORT)

    told = [position for report in driver.run() for position in report.positions]

    assert told == [(1, 1), (2, 2), (2, 1)]


def test_several_texts_of_one_sequence_have_one_place(start_engine: StartEngine) -> None:
    driver = start_engine(slots=1)
    driver.submit(0, sampling=SHORT)
    driver.step()

    for choice in range(3):
        driver.submit(1, sampling=SHORT, choice=choice)
    driver.submit(2, sampling=SHORT)

    assert driver.step().positions == ((1, 1), (2, 2))


def test_one_that_has_begun_is_told_no_place_when_it_must_wait_again(
    start_engine: StartEngine,
) -> None:
    driver = start_engine(slots=2, context_length=256, kv_cells=256, cache=LoadSettings.UNIFIED)
    for number in range(2):
        prompt = (driver.tokens(PROMPTS[number]) * 120)[: 120 - number]
        driver.submit(number, prompt, replace(SHORT, max_tokens=60))
    reports = driver.run()

    assert any(report.waiting_sequences for report in reports[1:]), "one had to wait again"
    assert [position for report in reports for position in report.positions] == []


def test_texts_of_one_prompt_compute_it_once(start_engine: StartEngine) -> None:
    driver = start_engine()
    alone = start_engine().complete(STORY, SHORT)[0]

    for choice in range(3):
        driver.submit(1, STORY, SHORT, choice=choice)
    reports = driver.run_choices()

    prompt = len(driver.tokens(STORY))
    assert reports.texts == {(1, 0): alone, (1, 1): alone, (1, 2): alone}
    assert reports.prompt_tokens == prompt + 2, "the last token of each chooses its first"


def test_cancelling_a_sequence_ends_all_its_texts(start_engine: StartEngine) -> None:
    driver = start_engine(slots=2)
    for choice in range(3):
        driver.submit(1, STORY, SHORT, choice=choice)
    driver.step()

    driver.engine.cancel(1)

    assert driver.engine.idle


def test_whoever_waits_for_anothers_prompt_goes_on_when_that_one_leaves(
    start_engine: StartEngine,
) -> None:
    prompt = f"<|im_start|>system\n{'Be kind. ' * 60}<|im_end|>\n{SURE}"
    alone = start_engine(context_length=512).complete(prompt, SHORT)[0]
    driver = start_engine(context_length=512)
    driver.submit(9, PROMPTS[0], SHORT)
    driver.step()
    driver.submit(1, prompt, SHORT)
    driver.submit(2, prompt, SHORT)
    driver.step()

    driver.engine.cancel(1)
    driver.run()

    assert driver.texts[2] == alone


def test_cancelling_what_is_not_there_is_nothing(driver: Driver) -> None:
    driver.engine.cancel(99)

    assert driver.engine.idle


def test_a_cancelled_sequence_does_not_change_its_neighbours(start_engine: StartEngine) -> None:
    alone = start_engine().complete(PROMPTS[0], SHORT)[0]
    driver = start_engine()
    driver.submit(1, PROMPTS[0], SHORT)
    driver.submit(2, PROMPTS[1], SHORT)
    driver.step()

    driver.engine.cancel(2)
    driver.run()

    assert driver.texts[1] == alone


def test_what_the_cache_has_of_a_prompt_is_counted_and_not_computed(driver: Driver) -> None:
    text, first = driver.complete(STORY, SHORT)
    driver.submit(1, STORY, SHORT)
    computed = sum(report.prompt_tokens for report in driver.run())

    again = driver.outcomes[1]

    assert first.cached_tokens == 0
    assert again.cached_tokens == again.prompt_tokens - 1
    assert computed == 1
    assert driver.texts[1] == text


def test_the_next_turn_of_a_chat_computes_only_what_is_new(driver: Driver) -> None:
    text, first = driver.complete(STORY, SHORT)
    turn = f"{STORY}{text}<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"

    _, second = driver.complete(turn, SHORT)

    assert second.cached_tokens >= first.prompt_tokens


def test_when_cells_run_out_texts_stay_the_same(start_engine: StartEngine) -> None:
    # A stream has 512 tokens at least, so the cells suffice for two, and for one that is longer.
    prompts = [(start_engine().tokens(text) * 510)[:505] for text in ("A fox ran. ", "Thank you. ")]
    long = partial(start_engine, slots=3, context_length=1024)
    alone = [long().complete(prompt, SHORT)[0] for prompt in prompts]
    driver = long(kv_cells=1024)

    for number, prompt in enumerate(prompts):
        driver.submit(number, prompt, SHORT)
    active = [report.active_sequences for report in driver.run()]

    assert [driver.texts[number] for number in range(2)] == alone
    assert any(later < earlier for earlier, later in pairwise(active[:-20])), "one had to wait"


def test_a_full_context_ends_with_length(start_engine: StartEngine) -> None:
    driver = start_engine(context_length=32)

    _, outcome = driver.complete(STORY, replace(GREEDY, ignore_end=True))

    assert outcome.reason == Finish.LENGTH
    assert outcome.prompt_tokens + outcome.completion_tokens == 32


def test_the_longest_prompt_gives_one_token(start_engine: StartEngine) -> None:
    driver = start_engine(context_length=32, slots=1, kv_cells=32)
    prompt = (driver.tokens("Once upon a time ") * 32)[:31]

    _, outcome = driver.complete(prompt, replace(GREEDY, ignore_end=True))

    assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, 1)


def test_max_tokens_ends_with_length(driver: Driver) -> None:
    _, outcome = driver.complete(STORY, replace(GREEDY, max_tokens=3))

    assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, 3)


def test_the_models_own_end_is_a_stop_without_text(driver: Driver) -> None:
    text, outcome = driver.complete(PROMPTS[0])

    assert outcome.reason == Finish.STOP
    assert text
    assert "<|im_end|>" not in text


def test_a_stop_string_ends_before_itself(driver: Driver) -> None:
    whole, _ = driver.complete(STORY)
    word = whole.split()[3]

    text, outcome = driver.complete(STORY, replace(GREEDY, stop=(word,)))

    assert outcome.reason == Finish.STOP
    assert text == whole[: whole.index(word)]


def test_ignoring_the_end_goes_on_to_max_tokens(driver: Driver) -> None:
    _, outcome = driver.complete(PROMPTS[0], replace(GREEDY, max_tokens=100, ignore_end=True))

    assert (outcome.reason, outcome.completion_tokens) == (Finish.LENGTH, 100)


def test_no_prompt_is_left_with_a_few_tokens_for_a_pass_of_their_own(
    start_engine: StartEngine,
) -> None:
    driver = start_engine(context_length=1024)
    prompt = (driver.tokens("Once upon a time ") * 200)[:520]
    driver.submit(0, prompt, replace(GREEDY, max_tokens=2))

    computed = [report.prompt_tokens for report in driver.run() if report.prompt_tokens]

    assert computed == [260, 260]


def test_a_prompt_longer_than_a_step_goes_through_in_parts(start_engine: StartEngine) -> None:
    driver = start_engine(context_length=1024, kv_cells=2048)
    driver.submit(1, PROMPTS[0], replace(GREEDY, max_tokens=60, ignore_end=True))
    driver.step()

    driver.submit(2, driver.tokens("Once upon a time ") * 100, replace(SHORT, max_tokens=1))
    reports = driver.run()

    parts = [report for report in reports if report.prompt_tokens]
    assert len(parts) > 1
    assert all(report.decoded_sequences >= 1 for report in parts), "nobody stands still meanwhile"


def test_a_short_prompt_goes_before_what_is_left_of_a_long_one(
    start_engine: StartEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefill, "LARGEST_PASS", 32)  # as of a large model beside others
    driver = start_engine(context_length=2048, slots=4)
    book = driver.tokens("Once upon a time ") * 300
    assert len(book) > 1000
    one = replace(SHORT, max_tokens=1)
    driver.submit(0, book, one)
    driver.step()

    for number, prompt in enumerate(PROMPTS[:3], start=1):
        driver.submit(number, prompt, one)
    driver.run()

    assert list(driver.outcomes)[-1] == 0
    alone = [start_engine().complete(prompt, one)[0] for prompt in PROMPTS[:3]]
    assert [driver.texts[number] for number in range(1, 4)] == alone


def test_embedding_leaves_running_sequences_alone(driver: Driver) -> None:
    alone = driver.complete(STORY, SHORT)[0]
    driver.submit(1, STORY, SHORT)
    driver.step()

    driver.engine.embed([driver.tokens("The cat sleeps on the sofa.")], EmbedRequest.MEAN)
    driver.run()

    assert driver.texts[1] == alone
