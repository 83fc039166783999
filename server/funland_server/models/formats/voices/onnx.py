"""Checks an ONNX file without the package: as much of its protocol buffers as tells what it is.

https://github.com/onnx/onnx/blob/main/onnx/onnx.proto has the numbers of the fields.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from funland_server.models.formats.damage import DamagedFileError

_LARGEST: Final = 2**31
"""Protocol buffers have no more bytes; what is larger keeps its weights in other files."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_GRAPH, _NODE, _INITIALIZER, _INPUT, _OUTPUT = 7, 1, 5, 11, 12
_DIMENSIONS, _EXTERNAL_DATA, _DATA_LOCATION, _NAME = 1, 13, 14, 1
_METADATA, _KEY, _VALUE, _TENSOR_NAME = 14, 1, 2, 8
_MOST_METADATA: Final = 256
_MOST_FIELDS: Final = 1_000_000
_LONGEST_VARINT: Final = 10
_LONGEST_NAME: Final = 256


@dataclass(frozen=True, slots=True)
class Onnx:
    """What a network takes, and how many weights it has."""

    inputs: tuple[str, ...]
    """In their order, without those that are weights."""
    parameters: int
    outputs: tuple[str, ...]
    metadata: Mapping[str, str]
    """What whoever made it wrote into it."""


class _Fields:
    """Walks through a file's messages, with a limit for all of them."""

    def __init__(self, data: mmap.mmap, name: str) -> None:
        self._data = data
        self._name = name
        self._left = _MOST_FIELDS

    def of(self, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """The fields of a message between two places: number, kind, and where the value lies; of
        a varint, the value and 0."""
        place = start
        while place < end:
            self._left -= 1
            if self._left < 0:
                raise self.damaged(f"has more than {_MOST_FIELDS} parts")
            key, place = self.varint(place, end)
            number, kind = key >> 3, key & 7
            if kind == _VARINT:
                value, place = self.varint(place, end)
                yield number, kind, value, 0
                continue
            if kind == _BYTES:
                length, place = self.varint(place, end)
            elif kind in (_FIXED64, _FIXED32):
                length = 8 if kind == _FIXED64 else 4
            else:
                raise self.damaged("is no ONNX file")
            if not number or length > end - place:
                raise self.damaged("is cut short, or no ONNX file")
            yield number, kind, place, place + length
            place += length

    def varint(self, place: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(_LONGEST_VARINT):
            if place >= end:
                raise self.damaged("is cut short, or no ONNX file")
            byte = self._data[place]
            place += 1
            value |= (byte & 0x7F) << (7 * shift)
            if byte < 0x80:  # noqa: PLR2004 - the last byte of a varint
                return value, place
        raise self.damaged("is no ONNX file")

    def text(self, start: int, end: int) -> str:
        return self._data[start : min(end, start + _LONGEST_NAME)].decode("utf-8", "replace")

    def damaged(self, why: str) -> DamagedFileError:
        return DamagedFileError(f"{self._name} {why}")


def check_onnx(path: Path) -> Onnx:
    """Checks that a file is a whole ONNX network with its weights within it.

    Raises:
        DamagedFileError: It is something else, cut short, or keeps weights in other files.
    """
    size = path.stat().st_size
    if not 0 < size < _LARGEST:
        raise DamagedFileError(f"{path.name} has {size} bytes, which no voice's network has")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return _read(_Fields(data, path.name), size)


def _read(fields: _Fields, size: int) -> Onnx:
    # All of the file's parts are walked through: one that was cut short is none.
    parts = [
        (number, start, end) for number, kind, start, end in fields.of(0, size) if kind == _BYTES
    ]
    graphs = [(start, end) for number, start, end in parts if number == _GRAPH]
    written = [(start, end) for number, start, end in parts if number == _METADATA]
    if len(graphs) != 1:
        raise fields.damaged("is no ONNX file")
    if len(written) > _MOST_METADATA:
        raise fields.damaged(f"has more than {_MOST_METADATA} notes")
    inputs: list[str] = []
    outputs: list[str] = []
    weights: set[str] = set()
    parameters = nodes = 0
    for number, kind, start, end in fields.of(*graphs[0]):
        if kind != _BYTES:
            continue
        if number == _INITIALIZER:
            parameters += _weights(fields, start, end)
            weights.add(_text(fields, _TENSOR_NAME, start, end))
        elif number == _INPUT:
            inputs.append(_text(fields, _NAME, start, end))
        elif number == _OUTPUT:
            outputs.append(_text(fields, _NAME, start, end))
        nodes += number == _NODE
    if not nodes or not outputs:
        raise fields.damaged("has no network in it")
    metadata = {_text(fields, _KEY, *one): _text(fields, _VALUE, *one) for one in written}
    given = tuple(name for name in inputs if name not in weights)
    return Onnx(given, parameters, tuple(outputs), metadata)


def _text(fields: _Fields, number: int, start: int, end: int) -> str:
    """The text of that number in a message; empty if it has none."""
    for one, kind, first, last in fields.of(start, end):
        if one == number and kind == _BYTES:
            return fields.text(first, last)
    return ""


def _weights(fields: _Fields, start: int, end: int) -> int:
    """How many values a tensor has; those of several dimensions count."""
    dimensions: list[int] = []
    for number, kind, first, last in fields.of(start, end):
        if number in (_EXTERNAL_DATA, _DATA_LOCATION) and (kind == _BYTES or first):
            raise fields.damaged("keeps its weights in other files")
        if number == _DIMENSIONS and kind == _VARINT:
            dimensions.append(first)
        elif number == _DIMENSIONS:
            while first < last:
                value, first = fields.varint(first, last)  # noqa: PLW2901 - it goes on behind it
                dimensions.append(value)
    return math.prod(dimensions) if len(dimensions) > 1 else 0
