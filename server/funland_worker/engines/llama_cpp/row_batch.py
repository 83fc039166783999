"""A forward pass of what is no token: rows of pictures and sounds."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.share import Share

_FLOATS: Any = ctypes.POINTER(ctypes.c_float)
_INTS: Any = ctypes.POINTER(ctypes.c_int32)
_BYTES: Any = ctypes.POINTER(ctypes.c_int8)
AXES: Final = 4
"""Those on which rows lie that lie beside each other."""


class RowBatch:
    """A `llama_batch` of rows, of fixed capacity. It lives as long as its process."""

    def __init__(self, capacity: int, width: int) -> None:
        """`width` is how many numbers a row has."""
        self.outputs = 0
        """After how many rows the logits are wanted."""
        self._embd = np.zeros((capacity, width), np.float32)
        self._position = np.zeros(AXES * capacity, np.int32)
        self._count = np.ones(capacity, np.int32)
        self._sequence = np.zeros(capacity, np.int32)
        self._wants_output = np.zeros(capacity, np.int8)
        first = self._sequence.ctypes.data
        pointer = _INTS
        addresses = [
            ctypes.cast(first + row * self._sequence.itemsize, pointer) for row in range(capacity)
        ]
        self._sequences = (pointer * capacity)(*addresses)
        self._rows = 0
        self._at_once = False

    def fill(self, shares: Sequence[Share]) -> None:
        """Puts a pass of shares that are all shown in place of what there is."""
        total = sum(len(share.tokens) for share in shares)
        places = self._position[: AXES * total].reshape(AXES, total)
        self._wants_output[:total] = 0
        self.outputs = self._rows = 0
        self._at_once = False
        for share in shares:
            rows = slice(self._rows, self._rows + len(share.tokens))
            self._embd[rows], places[:, rows] = _shown(share)
            self._sequence[rows] = share.lease.slot
            self._rows = rows.stop
            if share.outputs:
                self._wants_output[self._rows - 1] = 1
                self.outputs += 1
            self._at_once |= share.shown is not None and share.shown.chunk.at_once

    def decode(self, context: Any) -> int:
        """As `Batch.decode`."""
        batch = lib.llama_batch(
            n_tokens=self._rows,
            token=None,
            embd=_pointer(self._embd, _FLOATS),
            pos=_pointer(self._position, _INTS),
            n_seq_id=_pointer(self._count, _INTS),
            seq_id=self._sequences,
            logits=_pointer(self._wants_output, _BYTES),
        )
        if not self._at_once:
            return int(lib.llama_decode(context, batch))
        lib.llama_set_causal_attn(context, False)
        try:
            return int(lib.llama_decode(context, batch))
        finally:
            lib.llama_set_causal_attn(context, True)


def _shown(share: Share) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The rows of a share, and their places: of rows that lie one behind the other the first axis
    is their position."""
    assert share.shown is not None  # noqa: S101 - the scheduler puts no tokens among rows
    chunk = share.shown.chunk
    assert chunk.rows is not None  # noqa: S101 - what is submitted is computed
    first = share.lease.computed - share.shown.start
    part = slice(first, first + len(share.tokens))
    still = min(first, len(chunk.stand_ins) - chunk.positions)
    begin = share.lease.position - (first - still)
    if chunk.places is None:
        places = np.arange(begin + part.start, begin + part.stop, dtype=np.int32)
        return chunk.rows[part], np.tile(places, (AXES, 1))
    moves = np.array(chunk.moves, np.int32)[:, None]
    return chunk.rows[part], chunk.places[:, part] + begin * moves


def _pointer(array: NDArray[Any], kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, kind)
