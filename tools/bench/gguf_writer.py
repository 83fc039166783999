"""Writes a GGUF file's header: the part before the weights.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import accumulate
from math import prod

ALIGNMENT = 32
"""Tensors begin at multiples of this many bytes."""

Value = bool | int | float | str | Sequence[str] | Sequence[int]
"""A value of the metadata. An int becomes a UINT32, a float a FLOAT32; lists hold INT32 or strings,
and an empty one is of strings."""


class Kind(IntEnum):
    """The types of numbers in a tensor that are written here, by ggml's numbers."""

    F32 = 0
    Q8_0 = 8


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's place in the file. `shape` is ggml's: the length of a row comes first."""

    name: str
    shape: tuple[int, ...]
    kind: Kind

    @property
    def size(self) -> int:
        """Its bytes. A block of Q8_0 is 32 values in 34 bytes."""
        values = prod(self.shape)
        return values // 32 * 34 if self.kind is Kind.Q8_0 else values * 4


def padding(size: int) -> int:
    """How many bytes are to be added to `size` until the next tensor may begin."""
    return -size % ALIGNMENT


def header(metadata: Mapping[str, Value], tensors: Sequence[Tensor]) -> bytes:
    """The file's bytes up to its first tensor; the tensors follow, each with its padding."""
    offsets = accumulate((each.size + padding(each.size) for each in tensors), initial=0)
    parts = [b"GGUF", struct.pack("<IQQ", 3, len(tensors), len(metadata))]
    for key, value in metadata.items():
        parts += [_string(key), _value(value)]
    for tensor, offset in zip(tensors, offsets, strict=False):
        dimensions = len(tensor.shape)
        parts.append(_string(tensor.name))
        parts.append(struct.pack(f"<I{dimensions}Q", dimensions, *tensor.shape))
        parts.append(struct.pack("<IQ", tensor.kind, offset))
    written = b"".join(parts)
    return written + bytes(padding(len(written)))


def _value(value: Value) -> bytes:
    match value:
        case bool():
            return struct.pack("<IB", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", 8) + _string(value)
        case _:
            return struct.pack("<I", 9) + _array(value)


def _array(values: Sequence[str] | Sequence[int]) -> bytes:
    texts = [_string(value) for value in values if isinstance(value, str)]
    if len(texts) == len(values):
        return struct.pack("<IQ", 8, len(values)) + b"".join(texts)
    return struct.pack(f"<IQ{len(values)}i", 5, len(values), *values)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data
