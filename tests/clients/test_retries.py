"""Calls are made again when it may help, and not for long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from funland_client import FunlandError
from funland_client.errors import (
    InvalidRequestError,
    ModelBackingOffError,
    ModelTooLargeError,
    QueueFullError,
    WorkerLostError,
)
from funland_client.retries import Attempts, pause


@pytest.mark.parametrize(
    ("error", "retry", "least", "most"),
    [
        (WorkerLostError("lost"), 0, 0.375, 0.5),
        (WorkerLostError("lost"), 1, 0.75, 1),
        (WorkerLostError("lost"), 9, 6, 8),
        (QueueFullError("full", retry_delay=timedelta(seconds=2)), 0, 2, 2.5),
        (QueueFullError("full", retry_delay=timedelta(seconds=2)), 5, 2, 2.5),
    ],
)
def test_the_wait_grows_or_is_what_the_server_asks(
    error: FunlandError, retry: int, least: float, most: float
) -> None:
    seconds = pause(error, retry)

    assert seconds is not None
    assert least <= seconds <= most


@pytest.mark.parametrize(
    "error",
    [
        InvalidRequestError("wrong"),
        ModelTooLargeError("no room"),
        ModelBackingOffError("lost", retry_delay=timedelta(minutes=5)),
    ],
)
def test_what_no_short_wait_helps_is_the_last_word(error: FunlandError) -> None:
    assert pause(error, 0) is None


def test_no_more_retries_than_were_asked_for() -> None:
    attempts = Attempts(2, None)
    pauses = [attempts.pause(WorkerLostError("lost")) for _ in range(3)]

    assert [seconds is None for seconds in pauses] == [False, False, True]


def test_no_wait_goes_beyond_the_timeout() -> None:
    full = QueueFullError("full", retry_delay=timedelta(seconds=2))

    assert Attempts(2, timeout=1).pause(full) is None
    assert Attempts(2, timeout=100).pause(full) is not None


def test_the_timeout_is_for_all_attempts_together() -> None:
    attempts = Attempts(2, timeout=100)
    first = attempts.seconds_left

    assert first is not None
    assert attempts.seconds_left is not None
    assert 0 < attempts.seconds_left <= first <= 100
    assert Attempts(2, timeout=0).seconds_left == 0
    assert Attempts(2, None).seconds_left is None
