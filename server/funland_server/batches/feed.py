"""Hands out a batch's lines, so that the next is there when somebody is ready for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from funland_server.batches.entries import Entry, read_entries
from funland_server.batches.journal import disk_errors

_LINES: Final = 64
_BYTES: Final = 1024**2
"""How much is read at once: one such part waits while another is handed out."""


class Feed:
    """The lines of a file, each once. `close` it in the end."""

    def __init__(self, path: Path, endpoint: str, wanted: Callable[[int], bool]) -> None:
        """`wanted` says of a line's number whether it is handed out; it is asked in a thread."""
        self._path = path
        self._endpoint = endpoint
        self._wanted = wanted
        self._parts: Iterator[list[Entry]] | None = None
        self._ready: deque[Entry] = deque()
        self._ahead: asyncio.Task[list[Entry]] | None = None
        self._turn = asyncio.Lock()

    async def next(self) -> Entry | None:
        """A line that nobody had; None: there is no more. Raises StorageUnavailableError."""
        async with self._turn:
            if not self._ready:
                self._ready.extend(await (self._ahead or self._read()))
                self._ahead = self._read() if self._ready else None
            return self._ready.popleft() if self._ready else None

    async def close(self) -> None:
        """Ends the reading ahead."""
        if self._ahead is not None:
            # A thread can't be cancelled, and it has the file.
            with suppress(Exception):
                await self._ahead

    def _read(self) -> asyncio.Task[list[Entry]]:
        return asyncio.create_task(asyncio.to_thread(self._part))

    def _part(self) -> list[Entry]:
        if self._parts is None:
            self._parts = self._all_parts()
        return next(self._parts, list[Entry]())

    def _all_parts(self) -> Iterator[list[Entry]]:
        with disk_errors(), self._path.open("rb") as file:
            part: list[Entry] = []
            begin = 0
            for entry in read_entries(file, self._endpoint):
                if isinstance(entry, Entry) and self._wanted(entry.number):
                    part.append(entry)
                if part and (len(part) >= _LINES or file.tell() - begin >= _BYTES):
                    yield part
                    part, begin = [], file.tell()
            yield part
