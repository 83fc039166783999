"""A deployment's log on the disk: lines of JSON in two files, of which the older goes in time."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import orjson

from funland.v1.deployments_pb2 import LogLine

LIMIT_BYTES: Final = 8 * 1024**2
"""Of both files."""


class LogFile:
    """All of it blocks and may raise OSError. Only one thread at a time may use it."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._newer = folder / "log"
        self._older = folder / "log.1"
        self._limit = limit_bytes // 2
        self._cut_off = True
        """Whether the last line may have no end: of a server that was killed in mid-line."""

    def last_number(self) -> int:
        """The number of the last line; 0 if there is none."""
        return next((line.number for line in self._backwards()), 0)

    def append(self, lines: Sequence[LogLine]) -> None:
        """Adds lines at the end."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = b"".join(orjson.dumps(_to_json(line)) + b"\n" for line in lines)
        descriptor = os.open(self._newer, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            size = os.fstat(descriptor).st_size
            if self._cut_off and size:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    content = b"\n" + content
            self._cut_off = True
            written = 0
            while written < len(content):
                written += file.write(content[written:])
            self._cut_off = False
        if size + len(content) >= self._limit:
            self._newer.replace(self._older)

    def tail(self, count: int, after: int = 0) -> list[LogLine]:
        """The last lines, at most so many, the oldest first; none up to the number `after`."""
        found: list[LogLine] = []
        if count > 0:
            for line in self._backwards():
                if line.number <= after:
                    break
                found.append(line)
                if len(found) == count:
                    break
        return found[::-1]

    def remove(self) -> None:
        """Removes it all."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _backwards(self) -> Iterator[LogLine]:
        for path in (self._newer, self._older):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                continue
            for line in reversed(content.splitlines()):
                if (read := _from_json(line)) is not None:
                    yield read


def _to_json(line: LogLine) -> dict[str, object]:
    told: dict[str, object] = {
        "number": line.number,
        "time": line.time.ToMicroseconds(),
        "level": line.level,
        "text": line.text,
    }
    return {**told, "replica": line.replica} if line.HasField("replica") else told


def _from_json(text: bytes) -> LogLine | None:
    """A line; None for one that was cut off."""
    try:
        told = orjson.loads(text)
        line = LogLine(
            number=told["number"],
            level=told["level"],
            text=told["text"],
            replica=told.get("replica"),
        )
        line.time.FromMicroseconds(told["time"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return line
