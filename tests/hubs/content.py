"""The bytes of the fake hub's files: given, made from a seed, on disk, or without end."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_MIB = 1 << 20
_PAGE = 4096
_TURNED = bytes(255 - byte for byte in range(256))


@dataclass(frozen=True)
class Content:
    """Bytes that are read in ranges; no slots, because digests are kept once they are known."""

    size: int | None
    """None has no end: it is sent for as long as somebody reads."""
    read: Callable[[int, int], bytes]
    """The bytes from the first offset up to the second, which is within the size."""
    path: Path | None = None
    """The file that they are, which the system can send by itself."""

    @property
    def length(self) -> int:
        """The size of what has one."""
        if self.size is None:
            raise ValueError("content without end has no length")
        return self.size

    @functools.cached_property
    def sha256(self) -> str:
        """As hexadecimal digits."""
        return self._digest("sha256")

    @functools.cached_property
    def git_sha1(self) -> str:
        """The name that git gives these bytes."""
        return self._digest("sha1", b"blob %d\0" % self.length)

    def bytes(self) -> bytes:
        """All of them."""
        return self.read(0, self.length)

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """Its bytes in pieces of up to 1 MiB."""
        end = self.size if stop is None else stop
        while end is None or start < end:
            until = start + _MIB if end is None else min(start + _MIB, end)
            yield self.read(start, until)
            start = until

    def _digest(self, algorithm: str, prefix: bytes = b"") -> str:
        digest = hashlib.new(algorithm, prefix, usedforsecurity=False)
        self.length  # noqa: B018 - raises where there is no end
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()


def of(given: Content | bytes | str | Path) -> Content:
    """Content of what a test has at hand; a path is a file on disk."""
    match given:
        case Content():
            return given
        case str():
            return of(given.encode())
        case Path():
            return on_disk(given)
        case bytes():
            return Content(len(given), lambda start, stop: given[start:stop])


def on_disk(path: Path) -> Content:
    """A file's bytes, sent by the system itself."""

    def read(start: int, stop: int) -> bytes:
        with path.open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    return Content(path.stat().st_size, read, path)


@functools.cache
def seeded(size: int, seed: int | str = 0) -> Content:
    """Bytes that follow from a seed and take no memory; no two pages of 4096 bytes are alike.

    The same size and seed give the same object, so its digests are computed once in a process.
    """
    state = int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:8], "big")
    base = np.random.default_rng(state).integers(0, 2**63, _MIB // 8, dtype=np.uint64)
    pages = base.reshape(-1, _PAGE // 8)

    def read(start: int, stop: int) -> bytes:
        first, last = start // _MIB, -(-stop // _MIB)
        read = b"".join(block(number) for number in range(first, last))
        return read[start - first * _MIB : stop - first * _MIB]

    def block(number: int) -> bytes:
        numbered = pages.copy()
        numbered[:, 0] = number * len(pages) + np.arange(len(pages), dtype=np.uint64)
        return numbered.tobytes()

    return Content(size, read)


def endless(head: bytes, item: bytes) -> Content:
    """A beginning, and then one item after another without end."""

    def read(start: int, stop: int) -> bytes:
        count = -(-(stop - start) // len(item)) + 1
        offset = max(0, start - len(head)) % len(item)
        items = (item * count)[offset:]
        return (head[start:] + items)[: stop - start]

    return Content(None, read)


def with_wrong_bytes(content: Content, start: int, stop: int) -> Content:
    """The same size, and every bit turned over between two offsets."""

    def read(first: int, last: int) -> bytes:
        read = content.read(first, last)
        wrong = slice(max(0, start - first), max(0, stop - first))
        return read[: wrong.start] + read[wrong].translate(_TURNED) + read[wrong.stop :]

    return Content(content.size, read)


def followed_by(content: Content, more: int) -> Content:
    """Zeros after the end."""

    def read(start: int, stop: int) -> bytes:
        known = content.read(min(start, content.length), min(stop, content.length))
        return known.ljust(stop - start, b"\0")

    return Content(content.length + more, read)


def folder(path: Path) -> dict[str, Content]:
    """All files of a folder, by their paths in it."""
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path).as_posix(): on_disk(file) for file in files}
