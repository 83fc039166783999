"""The rows of one forward pass."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.share import Share


class Batch:
    """A `llama_batch` of fixed capacity, filled through numpy views instead of a call a row.

    It lives as long as its process.

    Each row belongs to one sequence, so the rows' sequence ids lie in one array of ours, which
    llama.cpp's pointers are aimed at once.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.rows = 0
        self.outputs = 0
        """After how many rows the logits are wanted."""
        self._batch: Any = lib.llama_batch_init(capacity, 0, 1)
        self._token = _view(self._batch.token, capacity)
        self._position = _view(self._batch.pos, capacity)
        self._wants_output = _view(self._batch.logits, capacity)
        _view(self._batch.n_seq_id, capacity)[:] = 1
        self._sequence = np.zeros(capacity, np.int32)
        pointer = ctypes.POINTER(ctypes.c_int32)
        for row in range(capacity):
            address = self._sequence.ctypes.data + row * self._sequence.itemsize
            self._batch.seq_id[row] = ctypes.cast(address, pointer)

    def clear(self) -> None:
        """Removes all rows."""
        self.rows = self.outputs = 0

    def add(self, sequence: int, start: int, tokens: Sequence[int], *, outputs: int) -> None:
        """Adds a run of a sequence's tokens from position `start`.

        `outputs` is after how many of the last of them the logits are wanted.
        """
        rows = slice(self.rows, self.rows + len(tokens))
        self._token[rows] = tokens
        self._position[rows] = np.arange(start, start + len(tokens))
        self._sequence[rows] = sequence
        self._wants_output[rows] = 0
        self.rows = rows.stop
        if outputs:
            self._wants_output[self.rows - outputs : self.rows] = 1
            self.outputs += outputs

    def fill(self, shares: Sequence[Share]) -> None:
        """Puts a pass in place of what there is."""
        self.clear()
        # Most passes are of one token a text: all at once takes a tenth of one by one.
        for single, run in groupby(shares, key=lambda share: len(share.tokens) == share.rows == 1):
            if single:
                self._add_singles(list(run))
                continue
            for share in run:
                self.add(share.lease.slot, share.lease.position, share.tokens, outputs=share.rows)

    def _add_singles(self, shares: Sequence[Share]) -> None:
        """Adds texts with one token each, and logits wanted."""
        rows = slice(self.rows, self.rows + len(shares))
        self._token[rows] = [share.tokens[0] for share in shares]
        self._position[rows] = [share.lease.position for share in shares]
        self._sequence[rows] = [share.lease.slot for share in shares]
        self._wants_output[rows] = 1
        self.rows = rows.stop
        self.outputs += len(shares)

    def decode(self, context: Any) -> int:
        """Runs the pass and gives llama.cpp's answer: 0 done, 1 no free cells, negative failed."""
        self._batch.n_tokens = self.rows
        return int(lib.llama_decode(context, self._batch))

    def encode(self, context: Any) -> int:
        """As `decode`, with the encoder of a model that has one."""
        self._batch.n_tokens = self.rows
        return int(lib.llama_encode(context, self._batch))


def _view(pointer: Any, length: int) -> NDArray[Any]:
    return np.ctypeslib.as_array(pointer, (length,))
