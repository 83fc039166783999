"""Reads JSONL: an object in each line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from funland_server.datasets.reading.json_rows import BadRowError, parsed
from funland_server.datasets.reading.lines import lines
from funland_server.datasets.reading.records import Record, too_long


def read_jsonl(file: BinaryIO, longest: int) -> Iterator[Record]:
    """See `Reader`. Empty lines are none."""
    for line in lines(file, longest):
        if line.content is None:
            yield Record(line.number, None, too_long(longest))
        elif line.content.strip():
            yield record(line.number, line.content)


def record(number: int, content: bytes) -> Record:
    """The record of some JSON."""
    try:
        return Record(number, parsed(content.decode("utf-8")))
    except UnicodeDecodeError:
        return Record(number, None, "it is not UTF-8")
    except BadRowError as error:
        return Record(number, None, str(error))
