"""Parts of the cache that a pass needs come to lie next to each other."""

from __future__ import annotations

from dataclasses import replace

import pytest

from funland.v1.inference_pb2 import GenerationOptions
from funland_worker.engines.llama_cpp.cache.streams import exchanges
from tests.sure_stories import PROMPTS
from tests.worker.conftest import GREEDY, StartEngine

LONG = replace(GREEDY, max_tokens=100, ignore_end=True)


@pytest.mark.parametrize(
    ("slots", "used", "expected"),
    [
        ([0], 4, []),
        ([3], 4, []),
        ([2, 1, 3], 5, []),
        ([0, 2], 4, [(2, 1)]),
        ([3, 16, 17, 18], 20, [(3, 19)]),
        ([3, 16, 17, 18], 19, [(3, 15)]),
        ([0, 5], 6, [(5, 1)]),
        ([0, 1, 5, 6, 7], 8, [(0, 3), (1, 4)]),
    ],
)
def test_what_changes_places(slots: list[int], used: int, expected: list[tuple[int, int]]) -> None:
    assert exchanges(slots, used) == expected


@pytest.mark.parametrize("slots", [[1, 4], [0, 3, 5], [2, 4, 6, 7], [0, 7], [1, 3, 5, 7]])
def test_afterwards_they_follow_each_other_and_all_are_in_use(slots: list[int]) -> None:
    moved = dict(exchanges(slots, 8))

    places = sorted(moved.get(slot, slot) for slot in slots)

    assert places == list(range(places[0], places[0] + len(slots)))
    assert places[-1] < 8


def test_texts_that_change_places_go_on_as_if_they_had_not(start_engine: StartEngine) -> None:
    driver = start_engine(slots=6, kv_cells=6 * 256)
    stories = PROMPTS[:5]
    expected = [driver.complete(story, LONG)[0] for story in stories]
    priorities = [GenerationOptions.LOW] * 2 + [GenerationOptions.NORMAL] * 3
    for number, (story, priority) in enumerate(zip(stories, priorities, strict=True)):
        driver.submit(number, story, LONG, priority=priority)
        while not driver.texts[number]:
            driver.step()

    driver.engine.cancel(0)  # the last of the others moves to its place, away from them
    driver.run()

    assert [driver.texts[number] for number in range(1, 5)] == expected[1:]
