"""What both caches are for: texts that begin alike, in no more memory than they need."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.cache.contexts import sequence_counts
from funland_worker.engines.llama_cpp.cache.spill import SpillFolder
from funland_worker.engines.llama_cpp.cache.store import StateStore
from funland_worker.engines.llama_cpp.cache.streams import worth_a_copy
from tests.sure_stories import PROMPTS
from tests.worker.conftest import GREEDY, Driver, StartEngine

SYSTEM = "<|im_start|>system\n" + "You are kind and short. " * 40 + "<|im_end|>\n"
SHORT = replace(GREEDY, max_tokens=8, ignore_end=True)
ROOM = 50_000_000
"""Bytes for all states of a test; one of them has 2 MB."""


def chat(number: int, *, asks: int = 1) -> str:
    asked = f"What is {number}?" * asks
    return f"{SYSTEM}<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n"


@pytest.mark.parametrize("cache", [LoadSettings.STREAMS, LoadSettings.UNIFIED])
def test_a_common_system_prompt_is_computed_once(
    start_engine: StartEngine, cache: LoadSettings.KeyValueCache.ValueType
) -> None:
    driver = start_engine(slots=16, context_length=512, kv_cells=16384, cache=cache)
    shared = len(driver.tokens(SYSTEM))
    for number in range(16):
        driver.submit(number, chat(number), SHORT)

    reports = driver.run()

    computed = sum(report.prompt_tokens for report in reports)
    longest = max(outcome.prompt_tokens for outcome in driver.outcomes.values())
    assert shared < computed < longest + 16 * (longest - shared)
    cached = sorted(outcome.cached_tokens for outcome in driver.outcomes.values())
    assert cached[0] == 0
    assert cached[1] >= shared


def test_a_common_system_prompt_takes_its_cells_once(start_engine: StartEngine) -> None:
    driver = start_engine(slots=16, context_length=512, kv_cells=16384, cache=LoadSettings.UNIFIED)
    shared = len(driver.tokens(SYSTEM))
    for number in range(16):
        driver.submit(number, chat(number), SHORT)

    most = max(report.cached_tokens for report in driver.run())

    own = sum(
        outcome.prompt_tokens + outcome.completion_tokens - shared
        for outcome in driver.outcomes.values()
    )
    assert shared < most <= shared + own


def test_a_cache_of_streams_grows_with_what_runs(start_engine: StartEngine) -> None:
    driver = start_engine(slots=16, context_length=1024, kv_cells=16384)
    alone = [start_engine().complete(prompt, SHORT)[0] for prompt in PROMPTS]
    driver.submit(0, PROMPTS[0], SHORT)
    driver.step()

    for number in range(1, 16):
        driver.submit(number, PROMPTS[number], SHORT)
    report = driver.step()
    driver.run()

    assert report.active_sequences == 16
    assert [driver.texts[number] for number in range(16)] == alone


def test_a_long_text_makes_the_streams_longer_and_goes_on(start_engine: StartEngine) -> None:
    long = replace(GREEDY, max_tokens=700, ignore_end=True)
    expected = start_engine(context_length=1024, cache=LoadSettings.UNIFIED).complete(
        "Once upon a time", long
    )[0]
    driver = start_engine(context_length=1024)

    text, outcome = driver.complete("Once upon a time", long)

    assert outcome.completion_tokens == 700
    assert text == expected


def test_what_has_no_room_in_the_cache_comes_back_from_the_store(
    start_engine: StartEngine,
) -> None:
    driver = start_engine(slots=1, context_length=512, store=StateStore(ROOM))
    first, _ = driver.complete(chat(1), SHORT)
    for number in range(3):
        driver.complete(f"Number {number} " * 30, SHORT)

    again, outcome = driver.complete(chat(1), SHORT)

    assert outcome.cached_tokens == outcome.prompt_tokens - 1
    assert again == first


def test_without_a_store_what_has_no_room_is_computed_again(start_engine: StartEngine) -> None:
    driver = start_engine(slots=1, context_length=512, store=StateStore(0))
    first, _ = driver.complete(chat(1), SHORT)
    driver.complete("Number 0 " * 60, SHORT)

    again, outcome = driver.complete(chat(1), SHORT)

    assert outcome.cached_tokens < len(driver.tokens(SYSTEM))
    assert again == first


def test_many_chats_in_few_slots_find_their_own_turns(start_engine: StartEngine) -> None:
    driver = start_engine(slots=2, context_length=512, store=StateStore(ROOM))
    histories = [chat(number, asks=30) for number in range(5)]
    answers = [driver.complete(history, SHORT)[0] for history in histories]

    for history, answer in zip(histories, answers, strict=True):
        _, outcome = driver.complete(f"{history}{answer} And then?", SHORT)
        assert outcome.cached_tokens >= len(driver.tokens(history)) - 1


def test_a_rewritten_answer_is_not_kept_beside_the_new_one(start_engine: StartEngine) -> None:
    store = StateStore(ROOM)
    driver = start_engine(slots=1, context_length=512, store=store)
    driver.complete(chat(1), SHORT)

    _, outcome = driver.complete(f"{chat(1)}It is one less than two, as far as I know.", SHORT)

    assert outcome.cached_tokens >= len(driver.tokens(chat(1))) - 1
    assert store.all(()) == []


@pytest.mark.parametrize(
    ("length", "cached", "kept"),
    [
        (1000, 1000, False),
        (20, 12, False),  # a trifle
        (20, 11, True),  # nearly half of it
        (1000, 873, False),  # an answer: a copy of all of it would cost too much
        (1000, 872, True),  # a chat behind the system prompt of many
        (400, 301, False),
        (400, 300, True),
        (1000, 0, True),
    ],
)
def test_a_text_is_kept_if_that_saves_enough(length: int, cached: int, kept: bool) -> None:
    assert worth_a_copy(length, cached) == kept


def test_holes_are_closed_and_texts_stay_the_same(start_engine: StartEngine) -> None:
    alone = [start_engine().complete(prompt, SHORT)[0] for prompt in PROMPTS[:8]]
    driver: Driver = start_engine(slots=8)
    for number, prompt in enumerate(PROMPTS[:8]):
        driver.submit(number, prompt, SHORT)
    driver.step()

    for number in (0, 3, 6):
        driver.engine.cancel(number)
    driver.run()

    assert [driver.texts[number] for number in (1, 2, 4, 5, 7)] == [
        alone[number] for number in (1, 2, 4, 5, 7)
    ]


def test_who_thinks_keeps_its_part_while_the_others_move_together(
    start_engine: StartEngine,
) -> None:
    driver = start_engine(slots=4, context_length=512, kv_cells=2048, store=StateStore(0))
    first, others = chat(0), [chat(number) for number in (1, 2, 3)]
    driver.submit(0, first, SHORT)
    driver.step()
    for number, other in enumerate(others, 1):
        driver.submit(number, other, replace(SHORT, max_tokens=40))
    while 0 not in driver.outcomes:
        driver.step()
    driver.step()

    driver.submit(4, f"{first}{driver.texts[0]} And then?", SHORT)
    driver.run()

    assert driver.outcomes[4].cached_tokens >= len(driver.tokens(first))
    again = f"{first}{driver.texts[0]} And then?"
    assert driver.texts[4] == start_engine(context_length=512).complete(again, SHORT)[0]


def test_who_thinks_keeps_its_part_when_the_streams_become_longer(
    start_engine: StartEngine,
) -> None:
    driver = start_engine(slots=4, context_length=1024, kv_cells=4096, store=StateStore(0))
    first = chat(0)
    said, _ = driver.complete(first, SHORT)

    driver.complete("Once upon a time", replace(SHORT, max_tokens=700))
    _, outcome = driver.complete(f"{first}{said} And then?", SHORT)

    assert outcome.cached_tokens >= len(driver.tokens(first))


@pytest.mark.parametrize("room", [0, 2_500_000], ids=["for no state", "for one"])
def test_what_memory_has_no_room_for_comes_back_from_disk_after_a_restart(
    start_engine: StartEngine, tmp_path: Path, room: int
) -> None:
    spill = SpillFolder(tmp_path, 100_000_000, bytes(32), "the embedded model")
    driver = start_engine(slots=1, context_length=512, store=StateStore(room, spill))
    first, _ = driver.complete(chat(1), SHORT)
    for number in range(3):
        driver.complete(f"Number {number} " * 60, SHORT)
    spill.wait()

    again = SpillFolder(tmp_path, 100_000_000, bytes(32), "the embedded model")
    restarted = start_engine(slots=1, context_length=512, store=StateStore(room, again))
    text, outcome = restarted.complete(chat(1), SHORT)

    assert outcome.cached_tokens == outcome.prompt_tokens - 1
    assert text == first


@pytest.mark.parametrize("cache", [LoadSettings.STREAMS, LoadSettings.UNIFIED])
@pytest.mark.parametrize("lasting_only", [False, True])
def test_what_texts_left_is_put_away_for_the_next_process(
    start_engine: StartEngine,
    tmp_path: Path,
    cache: LoadSettings.KeyValueCache.ValueType,
    lasting_only: bool,
) -> None:
    def start() -> Driver:
        spill = SpillFolder(tmp_path, ROOM, bytes(32), "tiny", lasting_only=lasting_only)
        return start_engine(slots=2, context_length=512, cache=cache, store=StateStore(ROOM, spill))

    kept, passing = chat(1), f"Once upon a time {'there was a fox. ' * 40}"
    driver = start()
    driver.submit(1, kept, SHORT, lasting=True)
    driver.submit(2, passing, SHORT)
    driver.run()

    driver.engine.put_away()

    restarted = start()
    text, outcome = restarted.complete(kept, SHORT)
    _, other = restarted.complete(passing, SHORT)
    assert outcome.cached_tokens == outcome.prompt_tokens - 1
    assert text == driver.texts[1]
    assert other.cached_tokens == (0 if lasting_only else other.prompt_tokens - 1)


def test_what_left_the_cache_for_memory_is_put_away_too(
    start_engine: StartEngine, tmp_path: Path
) -> None:
    def start() -> Driver:
        spill = SpillFolder(tmp_path, ROOM, bytes(32), "tiny", lasting_only=True)
        return start_engine(slots=1, context_length=512, store=StateStore(ROOM, spill))

    driver = start()
    for number in range(3):
        driver.submit(number, f"{number} {chat(number)}", SHORT, lasting=number != 1)
        driver.run()

    driver.engine.put_away()

    restarted = start()
    cached = [
        restarted.complete(f"{number} {chat(number)}", SHORT)[1].cached_tokens > 0
        for number in range(3)
    ]
    assert cached == [True, False, True]


def test_only_what_may_outlive_the_process_is_written_when_memory_is_full(
    start_engine: StartEngine, tmp_path: Path
) -> None:
    spill = SpillFolder(tmp_path, ROOM, bytes(32), "tiny", lasting_only=True)
    driver = start_engine(slots=1, context_length=512, store=StateStore(0, spill))
    for number in range(3):
        driver.submit(number, f"{number} {chat(number)}", SHORT, lasting=number == 0)
        driver.run()
    spill.wait()

    assert len([*tmp_path.iterdir()]) == 1


@pytest.mark.parametrize(
    ("slots", "held", "fewer", "counts"),
    [
        (32, 0, False, [65, 33]),
        (32, 0, True, [65, 33, 17, 9, 5, 3, 2]),
        (5, 0, True, [11, 6, 3, 2]),
        (1, 0, True, [3, 2]),
        (200, 0, False, [256, 201]),
        (256, 0, False, [256]),
        (256, 0, True, [256, 129, 65, 33, 17, 9, 5, 3, 2]),
        (32, 40, False, [40, 33]),
        (32, 33, True, [33, 17, 9, 5, 3, 2]),
        (32, 65, False, [65, 33]),
        (1, 2, True, [2]),
    ],
)
def test_states_for_fewer_texts_are_tried_in_turn(
    slots: int, held: int, *, fewer: bool, counts: list[int]
) -> None:
    assert sequence_counts(slots, held, fewer=fewer) == counts
