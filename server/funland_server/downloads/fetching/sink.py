"""Gathers the bytes of one connection, and has them written while more come."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Final

from funland_server.downloads.fetching.fetched_file import FetchedFile
from funland_server.downloads.fetching.parts import Part

_WRITE: Final = 1024**2
"""Bytes that are gathered before they are written,"""
_WRITE_SECONDS: Final = 0.5
"""unless that takes longer."""


class Sink:
    """What came of a part and is not written yet. Its `start` moves as bytes are taken."""

    def __init__(self, file: FetchedFile, part: Part) -> None:
        self.part = part
        self._file = file
        self.count = 0
        """How many bytes it took."""
        self._buffers: list[bytes] = []
        self._waiting = 0
        self._offset = part.start
        self._since = monotonic()
        self._writing: asyncio.Task[None] | None = None

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return self._waiting >= _WRITE or monotonic() - self._since >= _WRITE_SECONDS

    def add(self, chunk: bytes) -> None:
        """Takes what is wanted of some bytes."""
        if len(chunk) > self.part.rest:
            chunk = chunk[: self.part.rest]
        self._buffers.append(chunk)
        self._waiting += len(chunk)
        self.count += len(chunk)
        self.part.start += len(chunk)

    async def flush(self) -> None:
        """Begins to write what was gathered, when what was before is written."""
        await self.settle()
        if self._buffers:
            self._writing = asyncio.create_task(self._file.write(self._offset, self._buffers))
            self._taken()

    def flush_now(self) -> None:
        """Writes what was gathered; blocks a moment."""
        if self._buffers:
            self._file.write_now(self._offset, self._buffers)
            self._taken()

    async def settle(self) -> None:
        """Waits until what is being written is."""
        if self._writing is not None:
            writing, self._writing = self._writing, None
            await writing

    def _taken(self) -> None:
        self._offset += self._waiting
        self._buffers, self._waiting, self._since = [], 0, monotonic()
