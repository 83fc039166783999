"""What comes out of a file: rows, and what can't be one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from funland_server.datasets.reading.json_rows import Row


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a file."""

    line: int
    """Where it begins, from 1; of Parquet its number."""
    row: Row | None
    problem: str = ""
    """Why there is none."""


class UnreadableError(Exception):
    """A file can't be read any further; the text says why, and where."""


class FormatMissingError(Exception):
    """What reads the format is not installed; the text says how it is."""


class Reader(Protocol):
    """Reads a kind of file."""

    def __call__(self, file: BinaryIO, longest: int) -> Iterator[Record]:
        """The records of a file, each of at most `longest` bytes. It holds no more than a few of
        them. Raises UnreadableError, FormatMissingError, OSError."""
        ...


def too_long(longest: int) -> str:
    """Of a row."""
    return f"it has more than {longest} bytes"
