"""What is there of a file that is being fetched, so that `kill -9` loses next to nothing.

The file is parted into blocks of 1 MiB, each of which is written from its beginning. The journal
is a page with what the server said of the file, then a number for each block: how many of its
bytes were written. Each is written right after its bytes, so both are in the system's cache when
the process is killed. After a restart of the machine that may not be so: then a second journal
counts, which is written once the bytes before it are on the disk.

It is not mapped into memory: on a full disk, that would end the process.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from array import array
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

BLOCK: Final = 1024**2
LONGEST_TAG: Final = 512
"""Characters of an ETag or a time; a longer one is taken for none."""
_PAGE: Final = 4096
_HEAD: Final = struct.Struct("<8sIII")  # magic, version, length of the text, CRC-32 of the text
_CRC: Final = struct.Struct("<I")
_MAGIC: Final = b"FunlandJ"
_VERSION: Final = 1
_WORD: Final = 4
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one version of a file from another. Versions are never mixed."""

    size: int
    """In bytes."""
    etag: str = ""
    last_modified: str = ""
    route: str = ""
    """Whose tags these are: another server has its own."""


class DamagedJournalError(Exception):
    """The journal can't be trusted: its file is to be fetched from the start."""


def blocks_of(size: int) -> int:
    """How many blocks a file has."""
    return -(-size // BLOCK)


def length_of(block: int, size: int) -> int:
    """How long a block is: the last may be shorter."""
    return min(BLOCK, size - block * BLOCK)


class Journal:
    """The journal of one file: `<name>.journal`, and `<name>.synced` for after a restart.

    What writes raises OSError.
    """

    def __init__(self, path: Path, identity: Identity, table: array[int], handle: int) -> None:
        """Use `new` or `load`."""
        self._path = path
        self._identity = identity
        self._table = table
        self._handle = handle
        self._total = sum(table)
        self._lock = threading.Lock()

    @classmethod
    def new(cls, path: Path, identity: Identity, table: array[int] | None = None) -> Journal:
        """Begins one in the place of what is there, by default with nothing written."""
        table = table or array("I", bytes(blocks_of(identity.size) * _WORD))
        new = path.with_name(path.name + ".new")
        new.write_bytes(_head(identity) + table.tobytes())
        new.replace(path)
        return cls(path, identity, table, os.open(path, os.O_RDWR | os.O_CLOEXEC))

    @classmethod
    def load(cls, path: Path) -> Journal:
        """The journal of an earlier process.

        Raises:
            DamagedJournalError: There is none that can be trusted.
        """
        try:
            identity, boot, table = _parsed(path.read_bytes())
            if boot != boot_id():
                identity, _, table = _parsed(_checked(_synced(path).read_bytes()))
                return cls.new(path, identity, table)
            return cls(path, identity, table, os.open(path, os.O_RDWR | os.O_CLOEXEC))
        except OSError as error:
            raise DamagedJournalError from error

    @property
    def identity(self) -> Identity:
        """Of which version the bytes are."""
        return self._identity

    def bind(self, identity: Identity) -> None:
        """Notes what the server says now; the size must be the same."""
        os.pwrite(self._handle, _head(identity), 0)
        self._identity = identity

    def written(self, block: int) -> int:
        """How many bytes of a block are there, from its beginning."""
        return self._table[block]

    @property
    def total(self) -> int:
        """How many bytes are there."""
        return self._total

    def mark(self, start: int, end: int) -> None:
        """Notes that the bytes from `start` up to `end` were written; those of a block before
        them were."""
        first, after = start // BLOCK, blocks_of(end)
        with self._lock:
            for block in range(first, after):
                written = min(end - block * BLOCK, BLOCK)
                self._total += written - self._table[block]
                self._table[block] = written
        self._write(first, after)

    def forget(self, blocks: Iterable[int]) -> None:
        """Notes that nothing of these blocks is there."""
        with self._lock:
            for block in blocks:
                self._total -= self._table[block]
                self._table[block] = 0
        self._write(0, len(self._table))

    def snapshot(self) -> bytes:
        """All of it now, to be given to `keep` when the bytes are on the disk."""
        body = _head(self._identity) + self._table.tobytes()
        return body + _CRC.pack(zlib.crc32(body))

    def keep(self, snapshot: bytes) -> None:
        """Keeps a snapshot whose bytes are on the disk."""
        path = _synced(self._path)
        new = path.with_name(path.name + ".new")
        with new.open("wb") as file:
            file.write(snapshot)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)

    def close(self) -> None:
        """Closes the file."""
        os.close(self._handle)

    def _write(self, first: int, after: int) -> None:
        os.pwrite(self._handle, self._table[first:after].tobytes(), _PAGE + first * _WORD)


def boot_id() -> str:
    """What is another after each restart of the machine; empty if the system does not tell."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""


def _synced(path: Path) -> Path:
    return path.with_suffix(".synced")


def _head(identity: Identity) -> bytes:
    text = orjson.dumps({**asdict(identity), "boot": boot_id()})
    head = _HEAD.pack(_MAGIC, _VERSION, len(text), zlib.crc32(text)) + text
    return head.ljust(_PAGE, b"\0")


def _checked(body: bytes) -> bytes:
    """A snapshot without its sum."""
    if len(body) < _CRC.size or _CRC.pack(zlib.crc32(body[: -_CRC.size])) != body[-_CRC.size :]:
        raise DamagedJournalError
    return body[: -_CRC.size]


def _parsed(body: bytes) -> tuple[Identity, str, array[int]]:
    """What a journal says, its boot id, and its table."""
    if len(body) < _PAGE:
        raise DamagedJournalError
    magic, version, length, crc = _HEAD.unpack_from(body)
    text = body[_HEAD.size : min(_HEAD.size + length, _PAGE)]
    if (magic, version) != (_MAGIC, _VERSION) or zlib.crc32(text) != crc:
        raise DamagedJournalError
    values = orjson.loads(text)
    boot: str = values.pop("boot")
    identity = Identity(**values)
    if len(body) != _PAGE + blocks_of(identity.size) * _WORD:
        raise DamagedJournalError
    table = array("I", body[_PAGE:])
    for block, written in enumerate(table):
        if written > length_of(block, identity.size):
            raise DamagedJournalError
    return identity, boot, table
