"""Which runs of a prompt known texts have too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from funland_worker.engines.llama_cpp.chunks import Run, find

WORDS = np.random.default_rng(1).integers(0, 50_000, 4000).tolist()
LONG, OTHER, THIRD = WORDS[:300], WORDS[1000:1300], WORDS[2000:2300]
LEAST = 64


def words(count: int, seed: int = 0) -> list[int]:
    return WORDS[3000 + 100 * seed : 3000 + 100 * seed + count]


Case = tuple[list[int], int, list[list[int]], list[Run]]
CASES: list[Case] = [
    ([], 0, [LONG], []),
    (words(40), 0, [], []),
    (words(40), 0, [[]], []),
    ([*words(10), *LONG, 1], 0, [LONG], [Run(10, 300, 0, 0)]),
    ([*words(10), *LONG[50:250], 1], 0, [LONG], [Run(10, 200, 0, 50)]),
    ([*words(7), *LONG, 1], 0, [OTHER, [*words(33, 1), *LONG]], [Run(7, 300, 1, 33)]),
    ([*words(10), *LONG], 0, [LONG], [Run(10, 299, 0, 0)]),
    ([*words(10), *LONG[:LEAST], 1], 0, [LONG], [Run(10, LEAST, 0, 0)]),
    ([*words(10), *LONG[:LEAST], 1], 0, [[7, *LONG]], [Run(10, LEAST, 0, 1)]),
    ([*words(10), *LONG[: LEAST - 1], 1], 0, [LONG], []),
    ([*LONG, 1], 100, [LONG], [Run(100, 200, 0, 100)]),
    ([*LONG, 1], 250, [LONG], []),
    (
        [*words(3), *LONG, *OTHER, *words(5, 1), *THIRD, 1],
        0,
        [THIRD, OTHER, LONG],
        [Run(3, 300, 2, 0), Run(303, 300, 1, 0), Run(608, 300, 0, 0)],
    ),
    ([*words(3), *LONG, 1], 0, [LONG[:100], LONG[:200]], [Run(3, 200, 1, 0)]),
    ([5] * 100, 0, [[5] * 200], [Run(0, 99, 0, 0)]),
]


@pytest.mark.parametrize(("prompt", "start", "texts", "expected"), CASES, ids=range(len(CASES)))
def test_runs_are_found(
    prompt: Sequence[int], start: int, texts: Sequence[Sequence[int]], expected: list[Run]
) -> None:
    found = find(prompt, start, texts, LEAST)

    assert [(one.at, one.length, one.text) for one in found] == [
        (one.at, one.length, one.text) for one in expected
    ]
    for one in found:
        assert prompt[one.at : one.end] == texts[one.text][one.begin : one.begin + one.length]


@pytest.mark.parametrize("seed", range(20))
def test_every_run_that_is_long_enough_is_found_wherever_it_stands(seed: int) -> None:
    random = np.random.default_rng(seed)
    length = int(random.integers(LEAST, 200))
    begin, before, behind = (int(random.integers(0, 150)) for _ in range(3))
    run = random.integers(100, 200, length).tolist()
    prompt = [*random.integers(200, 300, before), *run, *random.integers(300, 400, behind), 1]
    text = [*random.integers(400, 500, begin), *run]

    assert find(prompt, 0, [text], LEAST) == [Run(before, length, 0, begin)]


def test_what_is_alike_everywhere_is_looked_at_a_bounded_number_of_times() -> None:
    """Else blocks of which each stands in thousands of places, but no run is long enough, would
    hold up everybody."""
    some = [*([1] * 40), 2] * 700

    assert find(some, 0, [[*([1] * 40), 3] * 700], LEAST) == []
