"""The RMS norm: https://arxiv.org/abs/1910.07467"""

from __future__ import annotations

import numpy as np

from funland_worker.training.numbers import Numbers


def norm(inputs: Numbers, weight: Numbers, epsilon: float, out: Numbers) -> Numbers:
    """Norms the last axis into `out`, which may be `inputs`; gives what it was multiplied by, for
    the way back."""
    squares = np.vecdot(inputs, inputs)
    squares /= inputs.shape[-1]
    squares += epsilon
    factors = (1 / np.sqrt(squares))[..., None]
    np.multiply(inputs, factors, out=out)
    out *= weight
    return factors


def norm_backward(outputs: Numbers, inputs: Numbers, factors: Numbers, weight: Numbers) -> Numbers:
    """The input's gradient, given the output's."""
    gradient = outputs * weight
    along = np.vecdot(gradient, inputs)[..., None]
    along *= factors * factors
    along /= inputs.shape[-1]
    gradient -= inputs * along
    gradient *= factors
    return gradient
