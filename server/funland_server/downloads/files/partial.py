"""The bytes of a file that is being fetched, beside their journal."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from funland_server.downloads.files.journal import (
    BLOCK,
    DamagedJournalError,
    Identity,
    Journal,
    blocks_of,
    length_of,
)

_MOST_BUFFERS: Final = 1024  # IOV_MAX


class Partial:
    """`<name>.part` at its full length but sparse, and `<name>.journal`.

    `write`, `compare`, `read` and `sync` block and raise OSError: call them in a thread. Each
    block has one writer at a time.
    """

    def __init__(self, path: Path, journal: Journal, handle: int) -> None:
        """Use `new` or `load`."""
        self._path = path
        self._journal = journal
        self._handle = handle
        self._frontier = 0

    @classmethod
    def new(cls, path: Path, identity: Identity) -> Partial:
        """Begins one in the place of what is there; raises OSError."""
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(handle, identity.size)
        return cls(path, Journal.new(_journal(path), identity), handle)

    @classmethod
    def load(cls, path: Path) -> Partial | None:
        """What an earlier process left; None if that can't be trusted."""
        try:
            journal = Journal.load(_journal(path))
        except DamagedJournalError:
            return None
        try:
            handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            journal.close()
            return None
        if os.fstat(handle).st_size != journal.identity.size:
            os.close(handle)
            journal.close()
            return None
        return cls(path, journal, handle)

    @property
    def path(self) -> Path:
        """Where the bytes are."""
        return self._path

    @property
    def identity(self) -> Identity:
        """Of which version they are."""
        return self._journal.identity

    @property
    def size(self) -> int:
        """How many bytes there are to be."""
        return self._journal.identity.size

    @property
    def frontier(self) -> int:
        """Up to where all bytes are there."""
        block = self._frontier
        while block < blocks_of(self.size) and self._journal.written(block) == length_of(
            block, self.size
        ):
            block += 1
        self._frontier = block
        rest = self._journal.written(block) if block < blocks_of(self.size) else 0
        return min(block * BLOCK + rest, self.size)

    @property
    def total(self) -> int:
        """How many bytes are there."""
        return self._journal.total

    def missing(self) -> Iterator[tuple[int, int]]:
        """From where up to where bytes are missing, in order; ends are those of blocks."""
        start: int | None = None
        for block in range(blocks_of(self.size)):
            begin, written = block * BLOCK, self._journal.written(block)
            if start is not None and written:
                yield start, begin
                start = None
            if written < length_of(block, self.size) and start is None:
                start = begin + written
        if start is not None:
            yield start, self.size

    def bind(self, identity: Identity) -> None:
        """Notes what the server says now; the size must be the same."""
        self._journal.bind(identity)

    def write(self, offset: int, buffers: Sequence[bytes]) -> int:
        """Writes buffers one after the other, and gives the offset after them."""
        rest = [memoryview(buffer) for buffer in buffers]
        end = offset
        while rest:
            count = os.pwritev(self._handle, rest[:_MOST_BUFFERS], end)
            end += count
            while rest and count >= len(rest[0]):
                count -= len(rest.pop(0))
            if rest and count:
                rest[0] = rest[0][count:]
        self._journal.mark(offset, end)
        return end

    def compare(self, offset: int, buffers: Sequence[bytes]) -> set[int]:
        """Which blocks hold other bytes than these now."""
        differing: set[int] = set()
        content = b"".join(buffers)
        position = offset
        while position < offset + len(content):
            end = min((position // BLOCK + 1) * BLOCK, offset + len(content))
            new = content[position - offset : end - offset]
            if os.pread(self._handle, end - position, position) != new:
                differing.add(position // BLOCK)
            position = end
        return differing

    def read(self, offset: int, buffer: memoryview) -> int:
        """Reads into a buffer and gives the number of bytes."""
        return os.preadv(self._handle, [buffer], offset)

    def sync(self) -> None:
        """Puts what is there now onto the disk, and notes it for after a restart."""
        snapshot = self._journal.snapshot()
        os.fdatasync(self._handle)
        self._journal.keep(snapshot)

    def forget(self, blocks: Iterable[int]) -> None:
        """Has blocks fetched again, over what they hold now."""
        self._journal.forget(blocks)
        self._frontier = 0

    def close(self) -> None:
        """Closes the files, which stay."""
        self._journal.close()
        os.close(self._handle)


def bytes_there(path: Path) -> int:
    """How many bytes an earlier process left."""
    partial = Partial.load(path)
    if partial is None:
        return 0
    try:
        return partial.total
    finally:
        partial.close()


def remove(path: Path) -> None:
    """Removes a partial file and all beside it; raises OSError."""
    for suffix in (".part", ".journal", ".synced", ".journal.new", ".synced.new"):
        path.with_suffix(suffix).unlink(missing_ok=True)


def _journal(path: Path) -> Path:
    return path.with_suffix(".journal")


def parts_of(folder: Path, count: int) -> list[Path]:
    """Where the bytes of a download's files are gathered."""
    return [folder / f"{number}.part" for number in range(count)]
