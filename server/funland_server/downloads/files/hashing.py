"""Hashes a file while it is being fetched, behind the bytes that are there."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Final

from funland_server.downloads.files.partial import Partial
from funland_server.downloads.files.threads import Threads

_STEP: Final = 16 * 1024**2
_CHUNK: Final = 4 * 1024**2
"""Read at a time: between two chunks the thread waits for its turn in the interpreter."""


@dataclass(frozen=True, slots=True)
class Digests:
    """What a file's content is, as hexadecimal digits."""

    sha256: str
    git_sha1: str
    """The id of a git blob; empty where nobody asked."""


class Hasher:
    """Follows the front of a file. What it reads was written a moment ago, so it comes from the
    system's cache and not from the disk."""

    def __init__(self, partial: Partial, threads: Threads, *, git: bool) -> None:
        self._partial = partial
        self._threads = threads
        self._sha256 = hashlib.sha256()
        self._git = hashlib.sha1(usedforsecurity=False) if git else None
        if self._git is not None:
            self._git.update(b"blob %d\0" % partial.size)
        self._position = 0
        self._buffer = memoryview(bytearray(min(_CHUNK, partial.size)))
        self._grown = asyncio.Event()

    def grown(self) -> None:
        """Tells that more is there."""
        self._grown.set()

    async def digests(self) -> Digests:
        """Hashes to the end of the file, as its bytes come."""
        while self._position < self._partial.size:
            self._grown.clear()
            frontier = self._partial.frontier
            if frontier > self._position:
                end = min(frontier, self._position + _STEP)
                await self._threads.run(self._hash, end)
            else:
                await self._grown.wait()
        git = self._git.hexdigest() if self._git is not None else ""
        return Digests(self._sha256.hexdigest(), git)

    def _hash(self, end: int) -> None:
        while self._position < end:
            count = self._partial.read(self._position, self._buffer[: end - self._position])
            if not count:
                raise EOFError("the file is shorter than its journal says")
            self._sha256.update(self._buffer[:count])
            if self._git is not None:
                self._git.update(self._buffer[:count])
            self._position += count
