"""Reads CSV: a table whose first line has the names. All values stay texts."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import BinaryIO, Final

from funland_server.datasets.reading.lines import lines
from funland_server.datasets.reading.records import Record, UnreadableError, too_long

_DELIMITERS: Final = (",", ";", "\t", "|")
_MOST_NAMES: Final = 1024


class _TooLongError(Exception):
    """A record is too long."""


def read_csv(file: BinaryIO, longest: int) -> Iterator[Record]:
    """See `Reader`. A record with more or fewer values than there are names is none: whoever fills
    up or shifts makes other rows of it."""
    feed = _Feed(file, longest)
    try:
        head = next(feed, "")
    except _TooLongError:
        raise UnreadableError("its first line is no line of names: it is too long") from None
    delimiter = max(_DELIMITERS, key=lambda mark: _outside_quotes(head, mark))
    csv.field_size_limit(longest)
    names = _names(head, delimiter)
    table = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.begin()
        try:
            values = next(table)
        except StopIteration:
            return
        except _TooLongError:
            yield Record(feed.first, None, too_long(longest))
            table = csv.reader(feed, delimiter=delimiter, strict=True)
            continue
        except csv.Error as error:
            why = too_long(longest) if "field limit" in str(error) else f"it is no CSV: {error}"
            yield Record(feed.first, None, why)
            table = csv.reader(feed, delimiter=delimiter, strict=True)
            continue
        if not values:
            continue
        if feed.broken:
            yield Record(feed.first, None, "it is not UTF-8")
        elif len(values) != len(names):
            why = f"it has {len(values)} values, and there are {len(names)} names"
            yield Record(feed.first, None, why)
        else:
            yield Record(feed.first, dict(zip(names, values, strict=True)))


def _names(head: str, delimiter: str) -> list[str]:
    try:
        table = csv.reader([head], delimiter=delimiter)
        names = [name.strip() for name in next(table, list[str]())]
    except csv.Error as error:
        raise UnreadableError(f"its first line is no line of names: {error}") from None
    if not names or not all(names) or len(names) > _MOST_NAMES:
        raise UnreadableError("its first line is no line of names: one of them is empty")
    if len(set(names)) < len(names):
        raise UnreadableError("its first line has a name twice")
    return names


def _outside_quotes(text: str, mark: str) -> int:
    return sum(part.count(mark) for part in text.split('"')[::2])


class _Feed(Iterator[str]):
    """The lines of a file as texts, of which those of one record are no longer than may be."""

    def __init__(self, file: BinaryIO, longest: int) -> None:
        self._lines = lines(file, longest)
        self._longest = longest
        self._taken = 0
        self._number = 0
        self.first = 0
        """The line in which the record begins."""
        self.broken = False
        """Whether it has bytes that are no text."""

    def begin(self) -> None:
        """A record begins."""
        self._taken, self.first, self.broken = 0, self._number + 1, False

    def __next__(self) -> str:
        """The next line. Raises _TooLongError."""
        line = next(self._lines)
        self._number = line.number
        if line.content is None:
            raise _TooLongError
        self._taken += len(line.content)
        if self._taken > self._longest:
            raise _TooLongError
        try:
            return line.content.decode("utf-8")
        except UnicodeDecodeError:
            self.broken = True
            return line.content.decode("utf-8", "replace")
