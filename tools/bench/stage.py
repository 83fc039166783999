"""Eight streams beside a crowd, and how fast they are."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import islice
from time import perf_counter

import psutil

from funland_client import AsyncFunland
from tools.bench.crowds import Target
from tools.bench.services import Service

GOOD_STREAMS = 8
_SETTLE_SECONDS = 30
_POLL_SECONDS = 0.01

Crowd = Callable[[Target, int], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Show:
    """A crowd, and what the streams beside it are compared with."""

    name: str
    crowd: Crowd
    callers: int
    against: str
    measure: Crowd
    slots: int
    tokens: int
    """How many each of the eight streams makes."""
    begin: int
    """They are measured from this token on,"""
    end: int
    """to this one: sequences of equal length cost equal time."""

    @property
    def waiting(self) -> int:
        """How many of the crowd wait when it is there: those without a slot, but for a tenth that
        comes and goes."""
        return 9 * (self.callers - (self.slots - GOOD_STREAMS)) // 10


class Stage:
    """A running service, and eight streams in it whenever they are wanted."""

    def __init__(self, service: Service, client: AsyncFunland, target: Target, show: Show) -> None:
        self._service = service
        self._client = client
        self._target = target
        self._show = show
        # The same each time: tokens are of different lengths, and characters are what is counted,
        # since pieces may be joined on the way.
        self._prompts = list(islice(target.prompts, GOOD_STREAMS))
        self._characters = 0
        self._all_characters = 0

    async def warm_up(self) -> None:
        """Lets the eight streams run to their end once, to know how much they write."""
        tasks = self._start(asyncio.Barrier(GOOD_STREAMS))
        await asyncio.gather(*tasks)
        self._all_characters = self._characters

    async def rate(self, crowd: Crowd, waiting: int) -> float:
        """Characters a second of the eight streams beside a crowd, so many of which must wait."""
        show = self._show
        started = asyncio.Barrier(GOOD_STREAMS + 1)
        tasks = self._start(started)
        try:
            await started.wait()  # they have their slots before the crowd comes
            async with crowd(self._target, show.callers):
                while (await self.sequences())[1] < waiting:
                    if self._made() > show.begin:
                        raise RuntimeError("the crowd came too late to be measured")
                    await asyncio.sleep(_POLL_SECONDS)  # the pause of a poll
                begin = await self._reach(show.begin)
                seconds = await self._reach(show.end) - begin
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await self.settle()
        return self._all_characters * (show.end - show.begin) / show.tokens / seconds

    async def settle(self) -> tuple[int, int]:
        """Waits until nothing runs or waits, or half a minute; tells what still does."""
        end = perf_counter() + _SETTLE_SECONDS
        left = await self.sequences()
        while sum(left) and perf_counter() < end:
            await asyncio.sleep(_POLL_SECONDS)  # the pause of a poll
            left = await self.sequences()
        return left

    async def sequences(self) -> tuple[int, int]:
        """How many sequences hold a slot, and how many wait."""
        metrics = await self._client.system.metrics()
        label = f'{{model="{self._target.model}"}}'
        found = [
            re.search(rf"^{name}{re.escape(label)} (\S+)$", metrics, re.MULTILINE)
            for name in ("funland_active_sequences", "funland_queue_depth")
        ]
        active, waiting = (int(float(each[1])) if each else 0 for each in found)
        return active, waiting

    def memory_mb(self) -> float:
        """Resident memory of the server and its processes."""
        server = psutil.Process(self._service.pid)
        processes = [server, *server.children(recursive=True)]
        return sum(process.memory_info().rss for process in processes) / 1e6

    def _start(self, started: asyncio.Barrier) -> list[asyncio.Task[None]]:
        self._characters = 0
        return [asyncio.create_task(self._stream(prompt, started)) for prompt in self._prompts]

    async def _stream(self, prompt: str, started: asyncio.Barrier) -> None:
        async with self._client.stream_generate(
            prompt,
            self._target.model,
            temperature=0,
            max_tokens=self._show.tokens,
            ignore_end=True,
        ) as stream:
            self._characters += len(await anext(stream))
            await started.wait()
            async for text in stream:
                self._characters += len(text)

    def _made(self) -> float:
        """About how many tokens each of the eight has."""
        return self._characters / self._all_characters * self._show.tokens

    async def _reach(self, tokens: int) -> float:
        """When the eight streams had so many tokens each."""
        while self._made() < tokens:  # noqa: ASYNC110 - what it waits for comes bit by bit
            await asyncio.sleep(_POLL_SECONDS)  # the pause of a poll
        return perf_counter()
