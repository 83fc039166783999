"""Keeps what became of a batch's lines, so that no end of the server loses or doubles one."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from funland_server.batches.outcomes import NO_TOKENS, Outcome, Tokens, from_record, to_record
from funland_server.durable import sync
from funland_server.storage.errors import StorageFullError, StorageUnavailableError

_MOST_WAITING: Final = 16 * 1024**2
"""Bytes that may wait for the disk before lines do."""


@dataclass(slots=True)
class Tally:
    """What the journal has."""

    answered: set[int] = field(default_factory=set[int])
    """The numbers of the lines."""
    failed: int = 0
    """How many of them are errors."""
    tokens: Tokens = NO_TOKENS

    @property
    def completed(self) -> int:
        """How many are answers."""
        return len(self.answered) - self.failed

    def add(self, outcome: Outcome) -> None:
        """Counts one that is kept."""
        self.answered.add(outcome.number)
        self.failed += outcome.failed
        self.tokens = self.tokens.plus(outcome.tokens)


class Journal:
    """A file that only grows. What is added is written and synced in groups: those that come while
    the disk is busy go together. `close` it in the end."""

    def __init__(self, path: Path, tally: Tally, told: Callable[[], None]) -> None:
        self.tally = tally
        """What is on the disk."""
        self._path = path
        self._told = told
        self._waiting: list[Outcome] = []
        self._bytes = 0
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closing = False
        self._failed: BaseException | None = None
        self._writing = asyncio.create_task(self._write())

    @classmethod
    async def open(cls, path: Path, told: Callable[[], None]) -> Journal:
        """Goes on with a file, or begins it. `told` is called when its tally has grown.

        Raises:
            StorageFullError: The disk is full.
            StorageUnavailableError: The file can't be used.
        """
        tally = await asyncio.to_thread(_recovered, path)
        return cls(path, tally, told)

    async def add(self, outcome: Outcome) -> None:
        """Keeps one; returns before it is on the disk, unless very much waits for that. Raises as
        `open`."""
        await self._room.wait()
        if self._failed is not None:
            raise self._failed
        self._waiting.append(outcome)
        self._bytes += len(outcome.line)
        if self._bytes > _MOST_WAITING:
            self._room.clear()
        self._wake.set()

    async def close(self) -> None:
        """Writes what waits; raises as `open`. To be cancelled meanwhile loses nothing."""
        self._closing = True
        self._wake.set()
        await asyncio.shield(self._writing)
        if self._failed is not None:
            raise self._failed

    async def _write(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                group, self._waiting, self._bytes = self._waiting, [], 0
                self._room.set()
                if group:
                    await asyncio.to_thread(_append, self._path, group)
                    for outcome in group:
                        self.tally.add(outcome)
                    self._told()
                elif self._closing:
                    return
                if self._closing:
                    self._wake.set()
        except (StorageFullError, StorageUnavailableError) as error:
            self._failed = error
            self._room.set()


def read_journal(path: Path) -> Iterator[Outcome]:
    """All that a journal has, up to what is torn. Blocks."""
    with path.open("rb") as file:
        for record in file:
            outcome = from_record(record)
            if outcome is None:
                return
            yield outcome


def _recovered(path: Path) -> Tally:
    """What the file has; a torn end is cut off, so that what comes is not written behind it."""
    tally = Tally()
    with disk_errors():
        whole = 0
        with path.open("a+b") as file:
            file.seek(0)
            for record in file:
                outcome = from_record(record)
                if outcome is None:
                    break
                whole += len(record)
                tally.add(outcome)
            if whole != os.fstat(file.fileno()).st_size:
                file.truncate(whole)
            os.fsync(file.fileno())
        sync(path.parent)
    return tally


def _append(path: Path, group: list[Outcome]) -> None:
    with disk_errors(), path.open("ab") as file:
        file.writelines(map(to_record, group))
        file.flush()
        os.fdatasync(file.fileno())


@contextmanager
def disk_errors() -> Generator[None]:
    """Raises the disk's errors in the contract's words."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError from error
        told = f"A file of a batch can't be used: {error.strerror}."
        raise StorageUnavailableError(told) from error
