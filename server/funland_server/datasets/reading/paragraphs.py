"""Reads texts that are parted by empty lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from funland_server.datasets.reading.lines import lines
from funland_server.datasets.reading.records import Record, too_long


def read_text(file: BinaryIO, longest: int) -> Iterator[Record]:
    """See `Reader`."""
    held: list[bytes] = []
    first = size = 0
    for line in lines(file, longest):
        if line.content is not None and not line.content.strip():
            if first:
                yield _record(first, held, size, longest)
            held, first, size = [], 0, 0
            continue
        first = first or line.number
        size += longest + 1 if line.content is None else len(line.content)
        if size > longest:
            held = []
        elif line.content is not None:
            held.append(line.content)
    if first:
        yield _record(first, held, size, longest)


def _record(first: int, held: list[bytes], size: int, longest: int) -> Record:
    if size > longest:
        return Record(first, None, too_long(longest))
    try:
        text = b"".join(held).decode("utf-8")
    except UnicodeDecodeError:
        return Record(first, None, "it is not UTF-8")
    return Record(first, {"text": text.replace("\r\n", "\n").strip()})
