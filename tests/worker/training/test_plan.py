"""Which rows a step learns from, and how fast."""

from __future__ import annotations

from itertools import chain

import pytest

from funland_worker.training.plan import (
    batches,
    kept_out,
    learning_rate,
    passes,
    steps_in_epoch,
    total_steps,
)


@pytest.mark.parametrize(
    ("rows", "ratio", "count"),
    [(10, 0.0, 0), (10, 0.2, 2), (10, 0.01, 1), (2, 0.5, 1), (1, 0.5, 0), (1000, 0.1, 100)],
)
def test_so_many_rows_are_kept_out(rows: int, ratio: float, count: int) -> None:
    chosen = kept_out(rows, ratio, seed=4)

    assert len(chosen) == count
    assert chosen <= set(range(rows))
    assert chosen == kept_out(rows, ratio, seed=4)


def test_another_seed_keeps_others_out() -> None:
    assert kept_out(100, 0.2, seed=1) != kept_out(100, 0.2, seed=2)


@pytest.mark.parametrize(
    ("rows", "batch_size", "epochs", "max_steps", "steps"),
    [(10, 4, 1, 0, 3), (8, 4, 3, 0, 6), (8, 4, 3, 5, 5), (8, 4, 3, 100, 6), (1, 8, 2, 0, 2)],
)
def test_a_run_has_so_many_steps(
    rows: int, batch_size: int, epochs: int, max_steps: int, steps: int
) -> None:
    assert total_steps(rows, batch_size, epochs, max_steps) == steps


@pytest.mark.parametrize(("rows", "batch_size"), [(1, 4), (10, 4), (64, 8), (999, 7)])
def test_each_row_is_in_one_step_of_an_epoch(rows: int, batch_size: int) -> None:
    lengths = [10 + 37 * row % 100 for row in range(rows)]

    made = batches(lengths, batch_size, seed=1, epoch=2)

    assert sorted(chain.from_iterable(made)) == list(range(rows))
    assert len(made) == steps_in_epoch(rows, batch_size)
    assert max(map(len, made)) <= batch_size
    assert made == batches(lengths, batch_size, seed=1, epoch=2)


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    lengths = list(range(100))
    orders = [batches(lengths, 4, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]

    assert all(one != other for one in orders for other in orders if one is not other)


def test_rows_of_a_step_are_of_like_length() -> None:
    lengths = [10, 200] * 64

    made = batches(lengths, 8, seed=0, epoch=0)

    assert all(len({lengths[row] for row in rows}) == 1 for rows in made)


@pytest.mark.parametrize(
    ("lengths", "made"),
    [
        ([5, 5, 5], [[0, 1, 2]]),
        ([30, 10, 20], [[1, 2, 0]]),
        ([50, 40, 10], [[2, 1], [0]]),
        ([200], [[0]]),
        ([100, 1, 200], [[1], [0], [2]]),
    ],
)
def test_a_pass_has_as_many_rows_as_fit(lengths: list[int], made: list[list[int]]) -> None:
    assert passes(range(len(lengths)), lengths, most=100) == made


@pytest.mark.parametrize(
    ("step", "rate"),
    [(1, 0.25), (2, 0.5), (4, 1.0), (5, 1.0), (13, 0.5), (20, 0.00960736)],
)
def test_the_rate_rises_and_falls(step: int, rate: float) -> None:
    assert learning_rate(step, 20, 1.0, 0.2) == pytest.approx(rate, rel=1e-5)


def test_the_rate_is_never_zero_whatever_the_warmup() -> None:
    for total in (1, 2, 7):
        for ratio in (0.0, 0.3, 1.0):
            rates = [learning_rate(step, total, 1e-3, ratio) for step in range(1, total + 1)]
            assert all(0 < rate <= 1e-3 for rate in rates)
