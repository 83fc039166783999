"""Makes one stream of several that run at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

_T = TypeVar("_T")


Streams = Sequence[AbstractAsyncContextManager[AsyncIterator[_T]]]


async def merged(streams: Streams[_T]) -> AsyncGenerator[tuple[int, _T]]:
    """What the streams yield, as it comes, each with the number of its stream.

    A reader that is slow holds them all up: one item of each waits at most, and they take turns.
    The first failure of a stream is raised and ends the others; closing the generator leaves all of
    them.
    """
    queue: asyncio.Queue[tuple[int, _T] | _Ended] = asyncio.Queue()
    # A queue of limited size would let one that never waits pass those that wait for room.
    turns = [asyncio.Semaphore() for _ in streams]
    tasks = [
        asyncio.create_task(_pump(number, stream, queue, turns[number]))
        for number, stream in enumerate(streams)
    ]
    try:
        running = len(tasks)
        while running:
            item = await queue.get()
            if not isinstance(item, _Ended):
                yield item
                turns[item[0]].release()
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


async def _pump(
    number: int,
    stream: AbstractAsyncContextManager[AsyncIterator[_T]],
    queue: asyncio.Queue[tuple[int, _T] | _Ended],
    turn: asyncio.Semaphore,
) -> None:
    ended = _Ended()
    try:
        async with stream as items:
            async for item in items:
                await turn.acquire()
                queue.put_nowait((number, item))
    except Exception as problem:
        ended = _Ended(problem)
    queue.put_nowait(ended)
