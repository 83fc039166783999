"""Waits for work that must not be broken off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


async def wait_out(
    task: asyncio.Task[Any], told_to_stop: Callable[[], None] = lambda: None
) -> asyncio.CancelledError | None:
    """Waits until a task has ended, however often its waiter is cancelled meanwhile.

    `told_to_stop` is called at each cancellation. The last of them is the answer, for the caller to
    raise; None if there was none. The task's own result or exception stays in the task.
    """
    told: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as cancelled:
            told = cancelled
            told_to_stop()
    return told
