"""The loss of what a network says comes next, and where it comes from.

Only tokens that are learnt are looked at, some at a time: a row of logits is as long as the
vocabulary.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from funland_worker.training.numbers import Indices, Numbers

PIECE_NUMBERS: Final = 4 * 1024**2
"""Of the logits that are there at once."""


def losses(hidden: Numbers, targets: Indices, matrix: Numbers) -> float:
    """The sum of the losses, in nats; `hidden` is tokens x width, `matrix` vocabulary x width."""
    return sum(
        _loss(hidden[piece] @ matrix.T, targets[piece])[0] for piece in _pieces(hidden, matrix)
    )


def losses_backward(
    hidden: Numbers, targets: Indices, matrix: Numbers, scale: float
) -> tuple[float, Numbers]:
    """The sum of the losses, and the gradient of `hidden` of that times `scale`."""
    gradient = np.empty_like(hidden)
    total = 0.0
    for piece in _pieces(hidden, matrix):
        logits = hidden[piece] @ matrix.T
        loss, sums = _loss(logits, targets[piece])
        total += loss
        logits *= (scale / sums)[:, None]  # the probabilities, scaled
        logits[np.arange(len(logits)), targets[piece]] -= scale
        np.matmul(logits, matrix, out=gradient[piece])
    return total, gradient


def _loss(logits: Numbers, targets: Indices) -> tuple[float, Numbers]:
    """The sum of the losses; `logits` become powers of e, whose sums come too."""
    logits -= logits.max(axis=1, keepdims=True)
    right = logits[np.arange(len(logits)), targets].astype(np.float64)
    np.exp(logits, out=logits)
    sums = logits.sum(axis=1)
    return float(np.log(sums.astype(np.float64)).sum() - right.sum()), sums


def _pieces(hidden: Numbers, matrix: Numbers) -> list[slice]:
    step = max(1, PIECE_NUMBERS // len(matrix))
    return [slice(begin, begin + step) for begin in range(0, len(hidden), step)]
