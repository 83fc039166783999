"""How the layers of a model are parted among devices."""

from __future__ import annotations

import math
from itertools import product

import pytest

from funland_server.devices.fitting import Parts, Spot, by_weight, fit

TEN = Parts(whole=110, compute=5, host_compute=3, host=20, layers=(10,) * 10 + (30,))
"""Ten layers and an output."""


@pytest.mark.parametrize(
    ("rooms", "split"),
    [
        ([135], (11,)),
        ([None], (11,)),
        ([134], (10,)),  # all but the first
        ([44], (1,)),  # the output alone
        ([34], (0,)),
        ([0], (0,)),
        ([35, 35], (3, 1)),  # the output is the last
        ([45, 45], (4, 2)),
        ([135, 135], (11, 0)),
        ([15, 135], (1, 10)),
        ([60, 90], (5, 6)),
        ([None, 10], (11, 0)),
    ],
)
def test_as_many_as_fit_the_first_device_first(
    rooms: list[int | None], split: tuple[int, ...]
) -> None:
    assert fit(TEN, [Spot(room) for room in rooms]) == split


@pytest.mark.parametrize(
    ("rooms", "weights", "exact", "split"),
    [
        ([200, 200], [1, 1], False, (6, 5)),
        ([200, 200], [3, 1], False, (9, 2)),
        ([200, 40], [1, 1], False, (11, 0)),  # its share does not fit there: the other takes it
        ([200, 40], [1, 1], True, (2, 1)),
        ([200, 40], [0, 1], True, (0, 1)),
    ],
)
def test_by_weight_as_far_as_it_fits(
    rooms: list[int], weights: list[float], exact: bool, split: tuple[int, ...]
) -> None:
    spots = [Spot(room) for room in rooms]

    assert fit(TEN, spots, weights=weights, exact=exact) == split


def test_a_number_that_was_asked_for_fits_or_not() -> None:
    assert fit(TEN, [Spot(65)], wanted=4) == (4,)
    assert fit(TEN, [Spot(64)], wanted=4) is None
    assert fit(TEN, [Spot(500)], wanted=999) == (11,)
    assert fit(TEN, [Spot(0)], wanted=0) == (0,)


def test_what_was_measured_before_counts() -> None:
    assert fit(TEN, [Spot(135, correction=1.0)]) == (11,)
    assert fit(TEN, [Spot(135, correction=2.0)]) == (4,)
    assert fit(TEN, [Spot(68, correction=0.5)]) == (11,)


@pytest.mark.parametrize("count", [0, 1, 2, 7, 33, 80])
def test_layers_are_parted_as_llama_cpp_parts_them(count: int) -> None:
    for weights in product((0.0, 1.0, 2.5, 7.0), repeat=3):
        if not sum(weights):
            continue
        ends = [sum(weights[: one + 1]) / sum(weights) for one in range(3)]
        owners = [
            next(one for one, end in enumerate(ends) if end > number / count)
            for number in range(count)
        ]
        assert by_weight(count, weights) == tuple(owners.count(one) for one in range(3))


def test_weights_that_are_numbers_of_layers_give_these_numbers() -> None:
    for split in product(range(1, 12), repeat=3):
        assert by_weight(sum(split), [float(one) for one in split]) == split


def test_ten_thousand_layers_take_no_time() -> None:
    many = Parts(0, 0, 0, 0, layers=(10,) * 10_000)

    assert fit(many, [Spot(1), Spot(2), Spot(3)], weights=[1, 2, 3]) == (0, 0, 0)
    assert fit(many, [Spot(50_000), Spot(20_000)]) == (5000, 2000)
    assert math.isinf(Spot(None).capacity(5))
