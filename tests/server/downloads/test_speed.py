"""How fast bytes come, how fast they may, and whether the disk has room."""

from __future__ import annotations

import pytest

from funland_server.downloads.fetching.speed import Bucket, Speed
from funland_server.downloads.jobs.space import Need, lacking


def test_a_steady_stream_has_its_speed_from_the_beginning() -> None:
    speed = Speed()
    for tick in range(1, 101):
        now = tick / 10
        speed.received(100, now)
        if now > 1:
            assert speed.bytes_per_second(now) == pytest.approx(1000, rel=0.15)


def test_a_stream_that_ends_fades() -> None:
    speed = Speed()
    for tick in range(100):
        speed.received(100, tick / 10)

    assert speed.bytes_per_second(30) < 2
    assert Speed().bytes_per_second(5) == 0


def test_a_bucket_lets_through_no_more_than_its_rate() -> None:
    bucket, now, taken = Bucket(1000), 0.0, 0
    while taken < 10_000:
        taken += 250
        now += bucket.delay(250, now)

    assert now == pytest.approx(10)


def test_a_bucket_does_not_save_up_what_nobody_took() -> None:
    bucket = Bucket(1000)
    bucket.delay(1000, 0)

    assert bucket.delay(500, 100) == pytest.approx(0.5)


def test_a_rate_may_be_changed_or_lifted_at_any_time() -> None:
    bucket = Bucket(None)
    assert bucket.delay(10**9, 0) == 0
    bucket.rate = 100
    assert bucket.delay(100, 0) == pytest.approx(1)
    bucket.rate = None
    assert bucket.delay(10**9, 0) == 0


@pytest.mark.parametrize(
    ("free", "reserve", "others", "need", "lacks"),
    [
        (100, 0, [], Need(100, 0), 0),
        (100, 0, [], Need(101, 0), 1),
        (100, 10, [], Need(100, 20), 0),
        (100, 21, [], Need(100, 20), 1),
        (100, 0, [Need(50, 10), Need(5, 9)], Need(70, 0), 10),
    ],
)
def test_room_is_what_nobody_else_was_promised(
    free: int, reserve: int, others: list[Need], need: Need, lacks: int
) -> None:
    assert lacking(free, reserve, others, need) == lacks
