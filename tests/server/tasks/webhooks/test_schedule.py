"""When a webhook is tried again, and when not any more."""

from __future__ import annotations

import pytest

from funland.v1.tasks_pb2 import WebhookDelivery
from funland_server.tasks.webhooks.schedule import Outcome, after_answer, next_try

S = 10**6
H = 3600 * S
END = 1_000 * H
SENDING, DELIVERED, FAILED = (
    WebhookDelivery.SENDING,
    WebhookDelivery.DELIVERED,
    WebhookDelivery.FAILED,
)


@pytest.mark.parametrize(
    ("attempts", "pause"),
    [(1, 5 * S), (2, 60 * S), (3, 300 * S), (4, H // 2), (5, 2 * H), (6, 5 * H), (7, 10 * H),
     (8, 10 * H), (1000, 10 * H)],
)  # fmt: skip
def test_each_pause_is_longer(attempts: int, pause: int) -> None:
    assert next_try(attempts, END, END) == END + pause


def test_the_last_try_is_three_days_after_the_end() -> None:
    times = [END]
    while (following := next_try(len(times), END, times[-1])) is not None:
        times.append(following)

    assert times[-1] == END + 72 * H
    assert len(times) == 14


@pytest.mark.parametrize(
    ("asked", "pause"), [(None, 5 * S), (0.0, 5 * S), (3.0, 5 * S), (90.0, 90 * S)]
)
def test_a_receiver_that_wants_to_be_left_alone_is(asked: float | None, pause: int) -> None:
    assert next_try(1, END, END, asked) == END + pause


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome(DELIVERED)),
        (204, Outcome(DELIVERED)),
        (299, Outcome(DELIVERED)),
        (301, Outcome(SENDING, "it answered 301, and no redirect is followed", END + 5 * S)),
        (400, Outcome(SENDING, "it answered 400", END + 5 * S)),
        (410, Outcome(FAILED, "it answered 410: nobody is there any more")),
        (500, Outcome(SENDING, "it answered 500", END + 5 * S)),
    ],
)
def test_what_follows_from_an_answer(status: int, outcome: Outcome) -> None:
    assert after_answer(status, 1, END, END) == outcome


def test_after_three_days_it_has_failed() -> None:
    assert after_answer(503, 14, END, END + 72 * H) == Outcome(FAILED, "it answered 503")
