"""What llama.cpp writes of a text, taken apart into cells, so that some of them can be used without
the others.

For 0.3.36's plain caches: a number of cells; of each its position, a one, and a sequence; whether
values lie transposed, and the number of layers; then of each layer the keys, a row a cell, and of
each layer the values, a row a cell or, transposed, a row a number with one for each cell.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.cache.state import HEADER_SIZE, State

_COUNT = struct.Struct("<I")
_CELL = np.dtype([("position", "<i4"), ("sequences", "<u4"), ("sequence", "<i4")])
_LAYERS = struct.Struct("<II")
_ROWS = struct.Struct("<iQ")
"""A type of numbers, and how many bytes a cell's row has."""
_COLUMNS = struct.Struct("<iII")
"""A type of numbers, how many bytes one has, and how many a cell has."""

_Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class _Numbers:
    """The keys or the values of a layer."""

    form: bytes
    """What llama.cpp writes before them."""
    data: _Bytes
    """Shape (1, cells, bytes of a row), or transposed (numbers of a cell, cells, bytes of one)."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Some of a text's tokens, as the cache has them."""

    header: bytes
    """Begins a state."""
    positions: NDArray[np.int32]
    transposed: bool
    layers: int
    numbers: tuple[_Numbers, ...]
    """Of all layers the keys, then of all that have them the values."""

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.positions)

    def between(self, start: int, stop: int) -> Cells:
        """Those whose positions are from `start` on, before `stop`."""
        inside = (self.positions >= start) & (self.positions < stop)
        return replace(
            self,
            positions=self.positions[inside],
            numbers=tuple(_Numbers(one.form, one.data[:, inside]) for one in self.numbers),
        )

    def followed_by(self, others: Cells) -> Cells:
        """These and others of the same model."""
        pairs = zip(self.numbers, others.numbers, strict=True)
        return replace(
            self,
            positions=np.concatenate((self.positions, others.positions)),
            numbers=tuple(
                _Numbers(one.form, np.concatenate((one.data, other.data), axis=1))
                for one, other in pairs
            ),
        )

    def keys(self, layer: int) -> _Bytes:
        """A layer's keys, shape (cells, bytes of a cell)."""
        return self.numbers[layer].data[0]

    def state(self) -> State:
        """What llama.cpp takes back."""
        cells = np.zeros(self.count, _CELL)
        cells["position"], cells["sequences"] = self.positions, 1
        parts: list[_Bytes] = [
            _raw(self.header + _COUNT.pack(self.count)),
            cells.view(np.uint8),
            _raw(_LAYERS.pack(self.transposed, self.layers)),
        ]
        for one in self.numbers:
            parts += [_raw(one.form), one.data.reshape(-1)]
        return State.of(np.concatenate(parts), len(self.header))


def taken_apart(state: State) -> Cells | None:
    """The cells of a state; None if it is none of a plain cache, as this llama.cpp writes it."""
    try:
        return _read(state)
    except (struct.error, ValueError):
        return None


def _read(state: State) -> Cells | None:
    text = state.buffer[state.start : state.stop]
    written = text.data
    (count,) = _COUNT.unpack_from(written)
    place = _COUNT.size + count * _CELL.itemsize
    cells = text[_COUNT.size : place].view(_CELL)
    if count == 0 or np.any(cells["sequences"] != 1):
        return None
    transposed, layers = _LAYERS.unpack_from(written, place)
    place += _LAYERS.size
    numbers: list[_Numbers] = []
    while place < len(text):
        by_columns = bool(transposed) and len(numbers) >= layers
        form = _COLUMNS if by_columns else _ROWS
        _, size, *wide = form.unpack_from(written, place)
        rows = wide[0] if wide else 1
        begin, place = place, place + form.size
        data = text[place : place + rows * count * size].reshape(rows, count, size)
        numbers.append(_Numbers(text[begin:place].tobytes(), data))
        place += rows * count * size
    if transposed not in (0, 1) or not layers <= len(numbers) <= 2 * layers:
        return None
    header = state.buffer[:HEADER_SIZE].tobytes()
    return Cells(header, cells["position"].copy(), bool(transposed), layers, tuple(numbers))


def _raw(written: bytes) -> _Bytes:
    return np.frombuffer(written, np.uint8)
