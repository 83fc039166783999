"""A deployment's log: written without waiting, read from its end, followed as it grows."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import time_ns
from typing import Final

import structlog

from funland.v1.deployments_pb2 import LogLine
from funland_server.changes import Changes
from funland_server.deployments.log_file import LogFile
from funland_server.deployments.log_lines import clean, level

logger = structlog.get_logger(__name__)

_MOST_PENDING: Final = 4096
"""Lines that wait for the disk."""
_MOST_RECENT: Final = 256
"""Lines that those who follow find without the disk."""
_ALL: Final = 2**31
_MOST_AT_ONCE: Final = 1000
"""Lines that one who follows reads from the disk at once."""


class DeploymentLog:
    """One deployment's log."""

    def __init__(self, file: LogFile) -> None:
        self._file = file
        self._last = 0
        self._pending: deque[LogLine] = deque()
        self._recent: deque[LogLine] = deque(maxlen=_MOST_RECENT)
        self._dropped = 0
        self._writing: asyncio.Task[None] | None = None
        self._using = asyncio.Lock()
        self._changes = Changes()
        self._removed = False

    async def open(self) -> None:
        """Goes on after what is there."""
        async with self._using:
            try:
                self._last = await asyncio.to_thread(self._file.last_number)
            except OSError as error:
                logger.warning("deployment_log_unreadable", reason=error.strerror)

    def write(self, text: str, at: str = "info", replica: int | None = None) -> None:
        """Adds a line: what a process wrote, or what became of one. Costs next to nothing; the disk
        has it a moment later. `at` is its level as `logging` names it, in lower case."""
        if self._removed or not (text := clean(text)):
            return
        if len(self._pending) >= _MOST_PENDING:
            self._dropped += 1
            return
        self._last += 1
        line = LogLine(number=self._last, level=level(at), text=text, replica=replica)
        line.time.FromMicroseconds(time_ns() // 1000)
        self._pending.append(line)
        self._recent.append(line)
        self._changes.publish("")
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def tail(self, count: int) -> list[LogLine]:
        """The last lines, at most so many, the oldest first."""
        await self._written()
        return await self._read(count)

    async def follow(self, count: int, after: int) -> AsyncGenerator[LogLine]:
        """The last lines, at most so many, or those after a number if that is not 0; then those
        that come, until the log is removed.

        Raises:
            ServerStoppingError: The server stops.
        """
        async with aclosing(self._changes.watch()) as changes:
            await anext(changes)  # from here on, no line is missed
            told = min(after, self._last) if after else self._last
            if not after:
                for line in await self.tail(count):
                    told = line.number
                    yield line
            while not self._removed:
                if told >= self._last:
                    await anext(changes)
                    continue
                lines = await self._after(told)
                told = lines[-1].number if lines else self._last
                for line in lines:
                    yield line

    def close(self) -> None:
        """Ends those that follow: the server stops."""
        self._changes.close()

    async def closed(self) -> None:
        """Has all lines on the disk."""
        await self._written()

    async def remove(self) -> None:
        """Removes it; those that follow come to their end."""
        self._removed = True
        self._changes.publish("")
        await self._written()
        async with self._using:
            await asyncio.to_thread(self._file.remove)

    async def _after(self, number: int) -> list[LogLine]:
        """Lines after a number, of which there are; not all if there are many. What the disk had no
        room for is passed over."""
        if not (self._recent and self._recent[0].number <= number + 1):
            await self._written()
            if lines := (await self._read(_ALL, after=number))[:_MOST_AT_ONCE]:
                return lines
        return [line for line in self._recent if line.number > number]

    async def _read(self, count: int, after: int = 0) -> list[LogLine]:
        async with self._using:
            try:
                return await asyncio.to_thread(self._file.tail, count, after)
            except OSError as error:
                logger.warning("deployment_log_unreadable", reason=error.strerror)
                return []

    async def _written(self) -> None:
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        while self._pending:
            lines = [*self._pending]
            self._pending.clear()
            if self._dropped:
                text = f"{self._dropped} lines came faster than the disk takes them, and are lost."
                self._dropped = 0
                self.write(text, "warning")
            async with self._using:
                try:
                    await asyncio.to_thread(self._file.append, lines)
                except OSError as error:
                    logger.warning("deployment_log_not_written", reason=error.strerror)
