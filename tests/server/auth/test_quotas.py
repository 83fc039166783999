"""How much a key may do, as a table."""

from __future__ import annotations

import pytest

from funland.v1.auth_pb2 import KeyLimits, KeyUsage
from funland_server.auth.quotas import Refusal, Taken, Window
from funland_server.identity import Rate

DAY = 86_400
NOW = 20_000.0 * DAY + 3600


@pytest.mark.parametrize(
    ("taken", "at", "total"),
    [
        ([], 0, 0),
        ([(0, 5)], 0, 5),
        ([(0, 5)], 59.9, 5),
        ([(0, 5)], 60, 0),
        ([(0, 5), (0.5, 2), (30, 1)], 59, 8),
        ([(0, 5), (0.5, 2), (30, 1)], 60, 1),
    ],
)
def test_a_window_has_the_last_minute(
    taken: list[tuple[float, int]], at: float, total: int
) -> None:
    window = Window()
    for when, amount in taken:
        window.add(amount, NOW + when)

    assert window.total(NOW + at) == total


@pytest.mark.parametrize(
    ("limits", "begun", "tokens", "refusal"),
    [
        (KeyLimits(), 1000, 10**9, None),
        (KeyLimits(requests_per_minute=3), 2, 0, None),
        (KeyLimits(requests_per_minute=3), 3, 0, Refusal("requests_per_minute", 3, 50.0)),
        (KeyLimits(tokens_per_minute=100), 0, 99, None),
        (KeyLimits(tokens_per_minute=100), 0, 100, Refusal("tokens_per_minute", 100, 50.0)),
        (
            KeyLimits(tokens_per_day=100), 0, 500,
            Refusal("tokens_per_day", 100, DAY - 3600 - 10.0),
        ),
    ],
)  # fmt: skip
def test_a_call_begins_unless_a_limit_is_reached(
    limits: KeyLimits, begun: int, tokens: int, refusal: Refusal | None
) -> None:
    taken = Taken()
    for _ in range(begun):
        assert taken.begin(KeyLimits(), NOW) is None
        taken.end()
    taken.took(tokens, NOW)

    assert taken.begin(limits, NOW + 10) == refusal


@pytest.mark.parametrize(
    ("limit", "begun", "rate"),
    [
        (0, 5, None),
        (3, 0, Rate(3, 2, int(NOW) + 60)),
        (3, 1, Rate(3, 1, int(NOW) + 60)),
        (3, 3, Rate(3, 0, int(NOW) + 60)),
    ],
)
def test_how_many_are_left_after_the_next(limit: int, begun: int, rate: Rate | None) -> None:
    taken = Taken()
    for _ in range(begun):
        taken.begin(KeyLimits(), NOW)

    assert taken.rate(KeyLimits(requests_per_minute=limit), NOW) == rate


def test_so_many_are_answered_at_once_and_no_more() -> None:
    taken, limits = Taken(), KeyLimits(concurrent_requests=2)

    assert taken.begin(limits, NOW) is None
    assert taken.begin(limits, NOW) is None
    assert taken.begin(limits, NOW) == Refusal("concurrent_requests", 2, 1.0)
    taken.end()
    assert taken.begin(limits, NOW) is None


def test_what_is_refused_does_not_count() -> None:
    taken, limits = Taken(), KeyLimits(requests_per_minute=1)
    taken.begin(limits, NOW)
    for second in range(59):
        assert taken.begin(limits, NOW + second) is not None

    assert taken.begin(limits, NOW + 60) is None


def test_a_day_begins_at_midnight() -> None:
    taken, limits = Taken(), KeyLimits(tokens_per_day=10)
    midnight = 20_001.0 * DAY
    taken.took(10, midnight - 1)

    assert taken.begin(limits, midnight - 1) == Refusal("tokens_per_day", 10, 1.0)
    assert taken.begin(limits, midnight) is None
    assert taken.usage(midnight) == KeyUsage(
        requests_in_minute=1, tokens_in_minute=10, concurrent_requests=1
    )
