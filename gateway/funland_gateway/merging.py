"""Makes one stream of several that run at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

_T = TypeVar("_T")


async def merged(streams: Sequence[AsyncGenerator[_T]]) -> AsyncGenerator[_T]:
    """What the streams yield, as it comes, each stream's items in their order.

    A reader that is slow holds them all up: one item of each waits at most. The first failure of
    a stream is raised and ends the others; closing the generator closes all of them.
    """
    if len(streams) == 1:  # no need for tasks
        async with aclosing(streams[0]) as only:
            async for item in only:
                yield item
        return
    queue: asyncio.Queue[_T | _Ended] = asyncio.Queue(1)
    tasks = [asyncio.create_task(_pump(stream, queue)) for stream in streams]
    try:
        running = len(tasks)
        while running:
            item = await queue.get()
            if not isinstance(item, _Ended):
                yield item
            elif item.problem is not None:
                raise item.problem
            else:
                running -= 1
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


class _Ended:
    """A stream's end, and the failure that it ended with."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem


async def _pump(stream: AsyncGenerator[_T], queue: asyncio.Queue[_T | _Ended]) -> None:
    ended = _Ended()
    try:
        async with aclosing(stream):
            async for item in stream:
                await queue.put(item)
    except Exception as problem:
        ended = _Ended(problem)
    await queue.put(ended)
