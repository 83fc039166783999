"""Amounts and times, as older APIs write them."""

from __future__ import annotations

import pytest
from google.protobuf.duration_pb2 import Duration

from funland.v1.downloads_pb2 import Download
from funland_gateway.dialects.progress import percent, remaining_seconds
from funland_gateway.dialects.sizes import clock, gigabytes, rate, weights
from funland_gateway.dialects.sources import STATES, status_word
from funland_gateway.dialects.times import moment, utc
from tests.gateway.dialects.hub_messages import COMPLETED, QUEUED


@pytest.mark.parametrize(
    ("speed", "text"),
    [(0.0, "0B/s"), (0.4, "0B/s"), (10_000_000.4, "10MB/s"), (1_234_567, "1.2MB/s")],
)
def test_a_speed(speed: float, text: str) -> None:
    assert rate(speed) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "00:00:00"),
        (0.1, "00:00:01"),
        (60, "00:01:00"),
        (3599.5, "01:00:00"),
        (86_399, "23:59:59"),
        (360_000, "100:00:00"),
    ],
)
def test_a_time_that_is_left(seconds: float, text: str) -> None:
    assert clock(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (117_000_000, "117M"),
        (494_032_768, "494M"),
        (7_000_000_000, "7B"),
        (7_615_616_512, "7.6B"),
        (1_040_000_000_000, "1T"),
    ],
)
def test_a_number_of_weights(count: int, text: str) -> None:
    assert weights(count) == text


@pytest.mark.parametrize(("count", "amount"), [(0, 0.0), (500_000_000, 0.5), (4_200_400_000, 4.2)])
def test_gigabytes(count: int, amount: float) -> None:
    assert gigabytes(count) == amount


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00Z"), (1_731_580_200.9, "2024-11-14T10:30:00Z")],
)
def test_a_time(seconds: float, text: str) -> None:
    assert utc(seconds) == text


def test_the_first_time_that_is_set() -> None:
    assert moment(QUEUED, "start_time", "create_time") == "2023-11-14T22:13:10Z"
    assert moment(COMPLETED, "start_time", "create_time") == "2023-11-14T22:13:11Z"
    assert moment(QUEUED, "start_time") is None


@pytest.mark.parametrize(
    ("download", "part"),
    [
        (Download(), 0.0),
        (Download(downloaded_bytes=1), None),
        (Download(downloaded_bytes=455, total_bytes=1000), 45.5),
        (Download(downloaded_bytes=999_999, total_bytes=1_000_000), 99.9),
        (Download(downloaded_bytes=7, total_bytes=7, state=Download.INSTALLING), 99.9),
        (Download(downloaded_bytes=7, total_bytes=7, state=Download.COMPLETED), 100.0),
        (Download(state=Download.COMPLETED), 100.0),
    ],
)
def test_a_part_of_a_hundred(download: Download, part: float | None) -> None:
    assert percent(download) == part


@pytest.mark.parametrize(
    ("download", "seconds"),
    [
        (Download(), None),
        (Download(remaining=Duration(seconds=60)), 60.0),
        (Download(state=Download.COMPLETED), 0.0),
    ],
)
def test_what_is_left(download: Download, seconds: float | None) -> None:
    assert remaining_seconds(download) == seconds


def test_every_state_has_a_word_of_the_documents() -> None:
    states = [state for state in Download.State.values() if state]

    assert {status_word(state) for state in states} == set(STATES)
    assert sorted(state for each in STATES.values() for state in each) == sorted(states)
    assert list(STATES) == ["pending", "downloading", "paused", "completed", "failed", "cancelled"]
