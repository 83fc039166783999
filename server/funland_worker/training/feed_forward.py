"""SwiGLU: https://arxiv.org/abs/2002.05202"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from funland_worker.training.numbers import Numbers

PIECE_NUMBERS: Final = 32 * 1024
"""Numbers that are gone through at once: few enough to stay in the core's cache."""


def gated(both: Numbers, out: Numbers) -> None:
    """Writes SiLU of the first half of `both`'s columns times the second half."""
    size = both.shape[1] // 2
    for rows in _pieces(len(both), size):
        gate, up = both[rows, :size], both[rows, size:]
        factors = _sigmoid(gate)
        factors *= gate
        np.multiply(factors, up, out=out[rows])


def gated_backward(outputs: Numbers, both: Numbers) -> Numbers:
    """The gradient of `both`, given that of what was written."""
    size = both.shape[1] // 2
    gradients = np.empty_like(both)
    for rows in _pieces(len(both), size):
        gate, up, given = both[rows, :size], both[rows, size:], outputs[rows]
        sigmoid = _sigmoid(gate)
        silu = gate * sigmoid
        np.multiply(given, silu, out=gradients[rows, size:])
        # SiLU's slope is sigmoid + silu * (1 - sigmoid).
        slope = sigmoid + silu
        silu *= sigmoid
        slope -= silu
        slope *= up
        np.multiply(slope, given, out=gradients[rows, :size])
    return gradients


def _sigmoid(numbers: Numbers) -> Numbers:
    # exp overflows to infinity far below zero, and then the result is zero, as it should be.
    result = np.negative(numbers)
    with np.errstate(over="ignore"):
        np.exp(result, out=result)
    result += 1
    return np.reciprocal(result, out=result)


def _pieces(rows: int, size: int) -> Iterator[slice]:
    step = max(1, PIECE_NUMBERS // size)
    for begin in range(0, rows, step):
        yield slice(begin, begin + step)
