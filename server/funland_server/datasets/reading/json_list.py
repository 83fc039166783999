"""Reads a list of objects, an object at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from funland_server.datasets.reading.jsonl import record
from funland_server.datasets.reading.records import Record, UnreadableError, too_long

_BOM: Final = b"\xef\xbb\xbf"
_PIECE: Final = 1 << 16
_MARK: Final = re.compile(rb'["\\{}\[\],\n]')
_STRING_MARK: Final = re.compile(rb'["\\\n]')


def read_json(file: BinaryIO, longest: int) -> Iterator[Record]:
    """See `Reader`. It looks for nothing but where each element ends, so that what is wrong with
    one does not spoil the others."""
    splitter = _Splitter(longest)
    first = file.read(_PIECE).removeprefix(_BOM)
    begin = len(first) - len(first.lstrip())
    if first[begin : begin + 1] != b"[":
        raise UnreadableError("it is no list of objects")
    splitter.line += first.count(b"\n", 0, begin)
    piece = first[begin + 1 :]
    while True:
        yield from splitter.feed(piece)
        if splitter.ended:
            break
        if not (piece := file.read(_PIECE)):
            raise UnreadableError(f"the list has no end; it breaks off in line {splitter.line}")
    rest = splitter.rest
    while rest or (rest := file.read(_PIECE)):
        if rest.strip():
            raise UnreadableError(f"something stands behind the list, in line {splitter.line}")
        rest = b""


class _Splitter:
    """Cuts the inside of a list into its elements."""

    def __init__(self, longest: int) -> None:
        self.line = 1
        self.ended = False
        self.rest = b""
        """What came behind the end."""
        self._longest = longest
        self._held = bytearray()
        self._too_long = False
        self._begin = 0
        """The line in which the element begins; 0: it has not."""
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def feed(self, piece: bytes) -> Iterator[Record]:
        """The elements that are whole with this piece."""
        start = at = 0
        while at < len(piece):
            if self._escaped:
                self._escaped = False
                at += 1
                continue
            found = (_STRING_MARK if self._in_string else _MARK).search(piece, at)
            if found is None:
                break
            mark, place, at = found[0], found.start(), found.end()
            match mark:
                case b"\n":
                    self._hold(piece[start:at])
                    start = at
                    self.line += 1
                case b"\\":
                    self._escaped = self._in_string
                case b'"':
                    self._in_string = not self._in_string
                case b"{" | b"[":
                    self._depth += 1
                case b"," if self._depth == 0:
                    self._hold(piece[start:place])
                    start = at
                    yield self._element()
                case b"]" if self._depth == 0:
                    self._hold(piece[start:place])
                    self.ended, self.rest = True, piece[at:]
                    if self._begin:
                        yield self._element()
                    return
                case b"}" | b"]":
                    self._depth = max(self._depth - 1, 0)
                case _:
                    pass
        self._hold(piece[start:])

    def _hold(self, part: bytes) -> None:
        if not self._begin:
            part = part.lstrip()
            if not part:
                return
            self._begin = self.line
        if len(self._held) + len(part) > self._longest:
            self._too_long = True
            self._held.clear()
        if not self._too_long:
            self._held += part

    def _element(self) -> Record:
        line, content, was_too_long = self._begin or self.line, bytes(self._held), self._too_long
        self._held.clear()
        self._begin, self._too_long = 0, False
        if was_too_long:
            return Record(line, None, too_long(self._longest))
        return record(line, content)
