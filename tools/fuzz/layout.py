"""Finds the parts of a GGUF file's header, so that they can be changed one by one.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

_STRING, _ARRAY = 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class Part(Enum):
    """What a span of bytes is."""

    COUNT = auto()  # of tensors, entries, or items of an array
    LENGTH = auto()  # of a string
    KEY = auto()
    TYPE = auto()  # of a value
    NUMBER = auto()
    TEXT = auto()
    ITEMS = auto()  # of an array of numbers
    TENSOR_NAME = auto()
    DIMENSIONS = auto()  # how many
    DIMENSION = auto()
    TENSOR_TYPE = auto()
    OFFSET = auto()


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the header, from byte `begin` to before byte `end`."""

    part: Part
    begin: int
    end: int
    label: str
    """The key or tensor that it belongs to."""


@dataclass(frozen=True, slots=True)
class Layout:
    """All parts of a header, and the byte after it."""

    spans: tuple[Span, ...]
    end: int


def layout(content: bytes) -> Layout:
    """The parts of a whole and correct file's header."""
    spans = tuple(_Reader(content).header())
    return Layout(spans, spans[-1].end)


class _Reader:
    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = len("GGUF") + 4

    def header(self) -> Iterator[Span]:
        tensors = self._number(8)
        yield self._span(Part.COUNT, 8, "tensors")
        entries = self._number(8)
        yield self._span(Part.COUNT, 8, "entries")
        for _ in range(entries):
            yield from self._entry()
        for _ in range(tensors):
            yield from self._tensor()

    def _entry(self) -> Iterator[Span]:
        key = self._text()
        yield from self._string(Part.KEY, key)
        kind = self._number(4)
        yield self._span(Part.TYPE, 4, key)
        if kind == _STRING:
            yield from self._string(Part.TEXT, key)
        elif kind == _ARRAY:
            yield from self._array(key)
        else:
            yield self._span(Part.NUMBER, _SIZES[kind], key)

    def _array(self, key: str) -> Iterator[Span]:
        kind = self._number(4)
        yield self._span(Part.TYPE, 4, key)
        count = self._number(8)
        yield self._span(Part.COUNT, 8, key)
        if kind != _STRING:
            yield self._span(Part.ITEMS, count * _SIZES[kind], key)
            return
        for _ in range(count):
            yield from self._string(Part.TEXT, key)

    def _tensor(self) -> Iterator[Span]:
        name = self._text()
        yield from self._string(Part.TENSOR_NAME, name)
        dimensions = self._number(4)
        yield self._span(Part.DIMENSIONS, 4, name)
        for _ in range(dimensions):
            yield self._span(Part.DIMENSION, 8, name)
        yield self._span(Part.TENSOR_TYPE, 4, name)
        yield self._span(Part.OFFSET, 8, name)

    def _string(self, part: Part, label: str) -> Iterator[Span]:
        length = self._number(8)
        yield self._span(Part.LENGTH, 8, label)
        yield self._span(part, length, label)

    def _span(self, part: Part, size: int, label: str) -> Span:
        begin = self._at
        self._at += size
        return Span(part, begin, self._at, label)

    def _number(self, size: int) -> int:
        """The number at the place that is read next."""
        form = {4: "<I", 8: "<Q"}[size]
        return struct.unpack_from(form, self._content, self._at)[0]

    def _text(self) -> str:
        """The string at the place that is read next."""
        begin = self._at + 8
        return self._content[begin : begin + self._number(8)].decode(errors="replace")
