"""Which tokens may come next and how likely each is: top_k, top_p, min_p and temperature.

Vocabularies have up to 260,000 tokens and almost all of them are hopeless, so whatever sorts or
adds up in order works on the few likeliest; the whole vocabulary is only gone over in passes that
numpy does many tokens at a time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.protocol import Sampling

_STRIPES = 32
_FIRST_TRY = 1024
"""How many of the likeliest tokens nearly always add up to `top_p`."""

_BLOCK = 512

Weights = NDArray[np.float32] | NDArray[np.float64]
"""Probabilities but for a common factor."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Tokens and their weights.

    `tokens` is None if the weights are those of the whole vocabulary, by token.
    """

    tokens: NDArray[np.intp] | None
    weights: Weights


def choose(scores: NDArray[np.float32], sampling: Sampling, chance: float) -> int:
    """The token that a chance, 0 <= chance < 1, makes of scores; at temperature 0 the likeliest."""
    if sampling.temperature == 0:
        return int(scores.argmax())
    candidates = narrow(scores, sampling)
    position = draw(candidates.weights, chance)
    return position if candidates.tokens is None else int(candidates.tokens[position])


def narrow(scores: NDArray[np.float32], sampling: Sampling) -> Candidates:
    """What is left of the vocabulary after top_k, top_p, min_p and temperature, in this order.

    The temperature must not be 0. Tokens of a score of minus infinity are never left.
    """
    highest = scores.max()
    if not np.isfinite(highest):  # a broken model: whatever a greedy choice would take
        return Candidates(np.array([scores.argmax()]), np.ones(1))
    tokens = _kept_by_rank(scores, sampling, highest)
    if tokens is None and sampling.min_p == 0:
        with np.errstate(over="ignore"):  # far below the highest at a tiny temperature: weight 0
            return Candidates(None, np.exp((scores - highest) / np.float32(sampling.temperature)))
    least = highest + np.float32(math.log(sampling.min_p)) if sampling.min_p > 0 else -np.inf
    if tokens is None:
        tokens = np.flatnonzero(scores >= least)
    below = scores[tokens].astype(np.float64) - float(highest)
    kept = below >= float(least) - float(highest)
    with np.errstate(over="ignore"):
        return Candidates(tokens[kept], np.exp(below[kept] / sampling.temperature))


def _kept_by_rank(
    scores: NDArray[np.float32], sampling: Sampling, highest: np.float32
) -> NDArray[np.intp] | None:
    """The tokens that top_k and top_p leave, the likeliest first; None if they leave all."""
    size = len(scores)
    limited = 0 < sampling.top_k < size
    if not limited and sampling.top_p == 1:
        return None
    if limited:
        tokens = likeliest(scores, sampling.top_k)
        if sampling.top_p == 1:
            return tokens
        weights = np.exp(scores[tokens] - highest)
        return tokens[: _reach(weights, sampling.top_p * float(weights.sum())) + 1]
    return _likeliest_share(scores, sampling.top_p, highest)


def _likeliest_share(
    scores: NDArray[np.float32], share: float, highest: np.float32
) -> NDArray[np.intp]:
    """The likeliest tokens that add up to a share of the whole vocabulary's probability."""
    weights = np.exp(scores - highest)
    goal = share * float(weights.sum(dtype=np.float64))
    tokens = likeliest(scores, _FIRST_TRY)
    first = weights[tokens]
    if first.sum(dtype=np.float64) >= goal:
        return tokens[: _reach(first, goal) + 1]
    # The tokens' order is of no matter, and numpy sorts numbers many times faster than indices.
    ordered = np.sort(weights)[::-1]
    count = _reach(ordered, goal) + 1
    least = ordered[count - 1]
    above = np.flatnonzero(weights > least)
    equal = np.flatnonzero(weights == least)[: count - len(above)]
    return np.concatenate((above, equal))


def likeliest(scores: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """The tokens of the `count` highest scores, the highest first, equal ones by token id.

    Fewer if not so many have a score above minus infinity.
    """
    rows = len(scores) // _STRIPES
    if count <= rows // 2:
        # At least `count` scores are as high as the `count`-th of these maxima: none below counts.
        maxima = scores[: rows * _STRIPES].reshape(_STRIPES, rows).max(axis=0)
        bound = np.partition(maxima, rows - count)[rows - count]
        tokens = np.flatnonzero(scores >= bound)
    else:
        tokens = np.arange(len(scores))
    tokens = tokens[scores[tokens] > -np.inf]
    return tokens[np.argsort(-scores[tokens], kind="stable")[:count]]


def draw(weights: Weights, chance: float) -> int:
    """The index at which the sum of the weights passes `chance`, 0 <= chance < 1, of their total.

    An index of weight 0 is never drawn.
    """
    return _reach(weights, chance * float(weights.sum(dtype=np.float64)), beyond=True)


def _reach(weights: Weights, goal: float, *, beyond: bool = False) -> int:
    """The index at which the sum of the weights, none of them negative, reaches a goal, or goes
    beyond it; if rounding kept it from that, the last that adds to the sum."""
    start = 0
    if len(weights) > 4 * _BLOCK:
        # Sums of blocks first: adding up one by one is ten times slower than in passes.
        sums = np.add.reduceat(weights, np.arange(0, len(weights), _BLOCK), dtype=np.float64)
        block = _reach(sums, goal, beyond=beyond)
        goal -= float(sums[:block].sum())
        start = block * _BLOCK
        weights = weights[start : start + _BLOCK]
    sums = np.cumsum(weights, dtype=np.float64)
    index = int(np.searchsorted(sums, goal, side="right" if beyond else "left"))
    last = int(np.searchsorted(sums, float(sums[-1])))
    return start + min(index, last)
