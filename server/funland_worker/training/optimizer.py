"""AdamW: https://arxiv.org/abs/1711.05101, with the constants that are usual."""

from __future__ import annotations

from math import sqrt
from typing import Final

import numpy as np

from funland_worker.training.numbers import Numbers

_FIRST, _SECOND, _EPSILON = 0.9, 0.999, 1e-8
_PIECE: Final = 64 * 1024
"""Numbers that are gone through at once: few enough to stay in the core's cache."""


class AdamW:
    """Its moments, and what they do."""

    def __init__(self, first: Numbers, second: Numbers) -> None:
        """Moments as they are; zeros at the beginning."""
        self.first = first
        self.second = second

    def step(
        self, numbers: Numbers, gradients: Numbers, *, step: int, rate: float, decay: float
    ) -> None:
        """Changes the numbers; `step` counts from 1. The gradients are of no use afterwards."""
        rate_first = rate / (1 - _FIRST**step)
        spread = 1 / sqrt(1 - _SECOND**step)
        for begin in range(0, len(numbers), _PIECE):
            piece = slice(begin, begin + _PIECE)
            gradient, first, second = gradients[piece], self.first[piece], self.second[piece]
            change = gradient * (1 - _FIRST)
            first *= _FIRST
            first += change
            gradient *= gradient
            gradient *= 1 - _SECOND
            second *= _SECOND
            second += gradient
            np.sqrt(second, out=change)
            change *= spread
            change += _EPSILON
            np.divide(first, change, out=change)
            change *= rate_first
            if decay:
                change += numbers[piece] * (rate * decay)
            numbers[piece] -= change


def clip(gradients: Numbers, highest: float) -> float:
    """The gradients' norm, which they are scaled to at most; 0: they are left as they are."""
    norm = sqrt(float(np.dot(gradients, gradients)))
    if 0 < highest < norm:
        gradients *= highest / norm
    return norm
