"""How many prompt tokens go into a step."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from funland_worker.engines.prefill import LARGEST_PASS, PrefillBudget, apart, evened, first


@pytest.mark.parametrize(
    ("lacking", "passed_over", "begins"),
    [
        ([100], 0, 0),
        ([100, 100], 0, 0),
        ([100, 26], 0, 0),  # not so much shorter
        ([100, 25], 0, 1),
        ([6000, 5900, 40, 30, 30], 0, 3),
        ([6000, 40], 2, 1),
        ([6000, 40], 3, 0),  # it has waited for long enough
        ([40, 6000], 3, 0),
    ],
)
def test_who_asks_something_short_need_not_wait_for_a_book(
    lacking: Sequence[int], passed_over: int, begins: int
) -> None:
    assert first(lacking, passed_over) == begins


@pytest.mark.parametrize(
    ("wanted", "most", "runs"),
    [
        (1, 64, [1]),
        (64, 64, [64]),
        (80, 64, [80]),  # a quarter more
        (81, 64, [41, 40]),
        (100, 64, [50, 50]),
        (138, 64, [69, 69]),
        (394, 64, [66, 66, 66, 66, 65, 65]),
        (400, 256, [200, 200]),
        (330, 256, [165, 165]),
        (9, 8, [9]),
    ],
)
def test_a_prompt_is_computed_in_runs_of_about_one_length(
    wanted: int, most: int, runs: Sequence[int]
) -> None:
    computed: list[int] = []
    while wanted:
        computed.append(evened(wanted, most))
        wanted -= computed[-1]

    assert computed == runs


def test_alone_a_prompt_gets_the_whole_step() -> None:
    budget = PrefillBudget()
    budget.measured(100, 10_000.0, writing=0)

    assert budget.tokens(prompts=1, writing=0) == LARGEST_PASS


def test_beside_others_the_first_measure_is_a_careful_one() -> None:
    assert PrefillBudget().tokens(prompts=1, writing=4) == 64


def test_beside_others_a_step_takes_about_50_ms() -> None:
    budget = PrefillBudget()

    budget.measured(100, 50.0, writing=0)

    assert budget.tokens(prompts=1, writing=4) == 100


def test_beside_slow_others_a_step_takes_twice_as_long() -> None:
    budget = PrefillBudget()
    budget.measured(100, 200.0, writing=0)

    budget.measured(0, 200.0, writing=4)

    assert budget.tokens(prompts=1, writing=4) == 100


def test_many_prompts_beside_few_that_write_get_more_but_not_all() -> None:
    budget = PrefillBudget()

    budget.measured(50, 100.0, writing=0)

    assert budget.tokens(prompts=2, writing=4) == 25 * 4
    assert budget.tokens(prompts=3, writing=4) == 25 * 8
    assert budget.tokens(prompts=31, writing=1) == 25 * 16


def test_the_budget_has_a_least_and_a_most() -> None:
    slow, fast = PrefillBudget(), PrefillBudget()

    slow.measured(100, 1e6, writing=0)
    fast.measured(500, 0.5, writing=0)

    assert slow.tokens(prompts=1, writing=4) == 64
    assert fast.tokens(prompts=1, writing=4) == LARGEST_PASS


def test_steps_with_few_prompt_tokens_teach_nothing() -> None:
    budget = PrefillBudget()

    budget.measured(1, 1e6, writing=0)
    budget.measured(100, 50.0, writing=0)

    assert budget.tokens(prompts=1, writing=4) == 100


def test_one_slow_step_changes_the_budget_by_a_part_only() -> None:
    budget = PrefillBudget()
    budget.measured(100, 50.0, writing=0)

    budget.measured(100, 100.0, writing=0)

    assert budget.tokens(prompts=1, writing=4) == int(50 / 0.75)


def test_what_those_who_write_cost_is_not_taken_for_the_cost_of_prompts() -> None:
    budget = PrefillBudget()
    budget.measured(100, 100.0, writing=0)
    budget.measured(0, 80.0, writing=4)

    budget.measured(100, 180.0, writing=4)

    assert budget.tokens(prompts=1, writing=4) == 80


def test_what_a_step_takes_grows_with_those_who_write() -> None:
    budget = PrefillBudget()
    budget.measured(100, 100.0, writing=0)

    budget.measured(0, 70.0, writing=1)

    assert budget.tokens(prompts=1, writing=1) == 70
    assert budget.tokens(prompts=1, writing=31) == 100


def test_what_nobody_waits_for_gets_few_tokens_beside_texts_that_write() -> None:
    budget = PrefillBudget()
    first = budget.beside(1)
    budget.measured(100, 100.0, writing=0)
    budget.measured(0, 20.0, writing=4)

    assert first == 8
    assert budget.beside(4) == 20  # as long as their own step
    budget.measured(0, 400.0, writing=4)
    assert budget.beside(4) == 50  # but no longer than 50 ms
    budget.measured(100, 5000.0, writing=0)
    assert budget.beside(4) == 8


@pytest.mark.parametrize(
    ("prompts", "writing", "expected"),
    [
        ([6000], [], False),
        ([], [100], False),
        ([0], [100, 200], False),
        ([711], [100, 200], False),
        ([712], [100, 200], True),
        ([0, 6000], [200], True),
        ([6000], [100, 6000], False),
    ],
)
def test_a_prompt_much_longer_than_all_that_write_stands_alone(
    prompts: list[int], writing: list[int], *, expected: bool
) -> None:
    assert apart(prompts, writing) == expected
