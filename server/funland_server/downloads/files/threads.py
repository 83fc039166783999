"""Work that blocks, outside of the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_THREADS: Final = 6


class Threads:
    """A few threads. Who is cancelled waits until what they do for it is done, so that no file is
    closed under them."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="downloads")

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function gives or raises."""
        work = asyncio.get_running_loop().run_in_executor(
            self._executor, lambda: function(*args, **kwargs)
        )
        told: asyncio.CancelledError | None = None
        while not work.done():
            try:
                await asyncio.wait([work])
            except asyncio.CancelledError as cancelled:
                told = cancelled
        if told is not None:
            work.exception()  # asyncio would report that nobody asked
            raise told
        return work.result()

    def close(self) -> None:
        """Lets the threads go."""
        self._executor.shutdown(wait=False)
