"""When a webhook is tried, and what an answer means: no I/O; the clock is handed in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from funland.v1.tasks_pb2 import WebhookDelivery

_SECOND: Final = 10**6
_HOUR: Final = 3600
_PAUSES: Final = (5, 60, 300, 1800, 2 * _HOUR, 5 * _HOUR, 10 * _HOUR)
"""Seconds after the first, second and further failures; the last after each more."""
_LASTS: Final = 72 * _HOUR
_GONE: Final = 410
_FINE: Final = range(200, 300)
_REDIRECTS: Final = range(300, 400)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a try."""

    state: WebhookDelivery.State.ValueType
    why: str = ""
    """Empty: it was delivered."""
    next_time: int | None = None
    """When the next one is due; None: never."""


def next_try(attempts: int, end_time: int, now: int, asked: float | None = None) -> int | None:
    """When to try after so many failures; None: not any more.

    Args:
        attempts: 1 after the first.
        end_time: When the task ended: three days after is the last try. Times are in microseconds.
        now: When it failed.
        asked: Seconds that the receiver wants to be left alone.
    """
    last = end_time + _LASTS * _SECOND
    if now >= last:
        return None
    pause = _PAUSES[min(attempts, len(_PAUSES)) - 1]
    return min(now + round(max(pause, asked or 0.0) * _SECOND), last)


def after_answer(
    status: int, attempts: int, end_time: int, now: int, asked: float | None = None
) -> Outcome:
    """What follows from the status of an answer; see `next_try`."""
    if status in _FINE:
        return Outcome(WebhookDelivery.DELIVERED)
    if status == _GONE:
        return Outcome(WebhookDelivery.FAILED, "it answered 410: nobody is there any more")
    why = f"it answered {status}"
    if status in _REDIRECTS:
        why += ", and no redirect is followed"
    return after_failure(why, attempts, end_time, now, asked)


def after_failure(
    why: str, attempts: int, end_time: int, now: int, asked: float | None = None
) -> Outcome:
    """What follows when there was no answer, or none that will do; see `next_try`."""
    due = next_try(attempts, end_time, now, asked)
    state = WebhookDelivery.FAILED if due is None else WebhookDelivery.SENDING
    return Outcome(state, why, due)
