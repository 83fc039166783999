"""When a task will start: no I/O, no clock."""

from __future__ import annotations


def start(now: int, position: int, places: int, mean_seconds: float | None) -> int | None:
    """In microseconds, as `now` is; `position` is how many go before it. None: nobody knows what a
    task takes."""
    if mean_seconds is None:
        return None
    # A place becomes free so often, if all are taken.
    return now + round((position + 1) * mean_seconds / places * 1e6)
