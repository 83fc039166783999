"""Causal attention, each token seeing itself and those before it.

Probabilities are computed anew on the way back: they would be the only thing to keep that grows
with the square of a text's length.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NamedTuple

import numpy as np

from funland_worker.training.numbers import Numbers

PIECE_BYTES: Final = 8 * 1024**2
"""Of the probabilities that are there at once."""


class Mixed(NamedTuple):
    """What attention takes and gives, or the gradients of it: each rows x positions x heads x size.
    There may be fewer heads of keys and values than of queries: each then has a group of those."""

    queries: Numbers
    """Scaled already."""
    keys: Numbers
    values: Numbers
    out: Numbers
    """What each token takes of the values."""


def attend(mixed: Mixed) -> None:
    """Writes `out`."""
    for piece in _pieces(mixed):
        np.matmul(_probabilities(piece.queries, piece.keys), piece.values, out=piece.out)


def attend_backward(mixed: Mixed, gradients: Mixed) -> None:
    """Writes the gradients of queries, keys and values, given that of `out`."""
    for piece, gradient in zip(_pieces(mixed), _pieces(gradients), strict=True):
        probabilities = _probabilities(piece.queries, piece.keys)
        _sum_of_groups(probabilities.swapaxes(-1, -2), gradient.out, gradient.values)
        scores = gradient.out @ piece.values.swapaxes(-1, -2)
        scores -= np.vecdot(gradient.out, piece.out)[..., None]
        scores *= probabilities
        np.matmul(scores, piece.keys, out=gradient.queries)
        _sum_of_groups(scores.swapaxes(-1, -2), piece.queries, gradient.keys)


def _probabilities(queries: Numbers, keys: Numbers) -> Numbers:
    """Of each query for each key; none for those behind it."""
    scores = queries @ keys.swapaxes(-1, -2)
    scores += _behind(scores.shape[-1], scores.dtype)
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


@lru_cache(maxsize=4)
def _behind(positions: int, kind: np.dtype[Any]) -> Numbers:
    """What is added to scores so that no query sees a key behind it."""
    return np.triu(np.full((positions, positions), -np.inf, kind), 1)


def _sum_of_groups(left: Numbers, right: Numbers, out: Numbers) -> None:
    """The product, summed over the queries' heads of each of the keys'."""
    if left.shape[2] == 1:
        np.matmul(left, right, out=out)
    else:
        np.sum(left @ right, axis=2, keepdims=True, out=out)


def _pieces(mixed: Mixed) -> Iterator[Mixed]:
    """Some rows and heads at a time, each as rows x heads of keys x queries' heads of each x
    positions x size."""
    rows, positions, heads, size = mixed.queries.shape
    key_heads = mixed.keys.shape[2]
    group = heads // key_heads
    whole = Mixed(
        *(
            numbers.reshape(rows, positions, key_heads, -1, size).transpose(0, 2, 3, 1, 4)
            for numbers in mixed
        )
    )
    head_bytes = group * positions * positions * mixed.queries.itemsize
    row_step = max(1, PIECE_BYTES // (head_bytes * key_heads))
    head_step = key_heads if row_step > 1 else max(1, min(key_heads, PIECE_BYTES // head_bytes))
    for row in range(0, rows, row_step):
        for head in range(0, key_heads, head_step):
            part = slice(row, row + row_step), slice(head, head + head_step)
            yield Mixed(*(numbers[part] for numbers in whole))
