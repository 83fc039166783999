"""Shows rows of a version, as they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from os import SEEK_CUR
from pathlib import Path
from typing import Any, BinaryIO, Final

import orjson

ANSWER_BYTES: Final = 3 << 20
"""Of the rows of one answer, which a message must hold."""
_BLOCK_BYTES: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a version of a dataset, for who reads them all."""

    path: Path
    """A file of JSONL, to be opened and not to be written."""
    row_count: int
    sha256: str


def page(path: Path, skip: int, limit: int) -> list[dict[str, Any]]:
    """Rows behind the first `skip`, at most `limit`, and of at most 3 MiB together. Blocks; raises
    OSError."""
    rows: list[dict[str, Any]] = []
    size = 0
    with path.open("rb") as file:
        _pass_over(file, skip)
        for line in islice(file, limit):
            size += len(line)
            if rows and size > ANSWER_BYTES:
                break
            rows.append(orjson.loads(line))
    return rows


def _pass_over(file: BinaryIO, lines: int) -> None:
    """Goes behind so many lines, of which each has an end. They are counted by the block: whole
    lines by the million would be made while nothing else of the process runs."""
    while lines and (block := file.read(_BLOCK_BYTES)):
        there = block.count(b"\n")
        if there < lines:
            lines -= there
            continue
        place = -1
        for _ in range(lines):
            place = block.index(b"\n", place + 1)
        file.seek(place + 1 - len(block), SEEK_CUR)
        return
