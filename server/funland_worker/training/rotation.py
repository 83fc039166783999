"""Rotary positions: https://arxiv.org/abs/2104.09864

Here the numbers that are rotated together lie side by side, so that a pair is a complex number and
a rotation one multiplication. Files that have them half a head apart are arranged when they are
read, and adapters back when they are written.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from funland_worker.training.numbers import Numbers
from funland_worker.training.shape import Shape


class Rotation:
    """What turns queries and keys by their positions."""

    def __init__(
        self, shape: Shape, positions: int, factors: Numbers | None, like: Numbers
    ) -> None:
        """For so many positions; `factors` are what frequencies are divided by, if anything."""
        turns = turns_of(shape, positions, factors)[:, None, :]
        kind = np.result_type(like.dtype, np.complex64)
        self._keys = turns.astype(kind)
        # Scores are scaled by this, which costs nothing here.
        self._queries = (turns * shape.head_size**-0.5).astype(kind)

    def turn(self, queries: Numbers, keys: Numbers) -> None:
        """Turns both in place, and scales queries for attention; rows x positions x heads x
        size."""
        _multiply(queries, self._queries)
        _multiply(keys, self._keys)

    def turn_back(self, queries: Numbers, keys: Numbers) -> None:
        """The same of gradients: from those of what was turned to those of what was given."""
        _multiply(queries, self._queries.conj())
        _multiply(keys, self._keys.conj())


def turns_of(shape: Shape, positions: int, factors: Numbers | None) -> NDArray[np.complex128]:
    """What each pair of a head is multiplied by at each of so many positions; `factors` are what
    frequencies are divided by, if anything."""
    half = shape.head_size // 2
    frequencies = shape.rope_base ** (-np.arange(half) / half) * shape.rope_scale
    if factors is not None:
        frequencies = frequencies / factors
    return np.exp(1j * np.outer(np.arange(positions), frequencies))


def side_by_side(rows: Numbers, heads: int) -> Numbers:
    """Arranges rows of numbers half a head apart, of so many heads, as they are wanted here."""
    return np.ascontiguousarray(_swapped(rows, heads, (2, -1)))


def half_apart(rows: Numbers, heads: int) -> Numbers:
    """The opposite of `side_by_side`."""
    return np.ascontiguousarray(_swapped(rows, heads, (-1, 2)))


def _swapped(rows: Numbers, heads: int, parts: tuple[int, int]) -> Numbers:
    shaped = (
        rows.reshape(heads, *parts, *rows.shape[1:])
        if rows.ndim > 1
        else rows.reshape(heads, *parts)
    )
    return shaped.swapaxes(1, 2).reshape(rows.shape)


def _multiply(numbers: Numbers, turns: Numbers) -> None:
    pairs = numbers.view(turns.dtype)
    np.multiply(pairs, turns[: numbers.shape[1]], out=pairs)
