"""Arithmetic on embeddings, and how many are computed at once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError, ModelOutputError

Values = np.ndarray[tuple[int, int], np.dtype[np.float32]]
"""A vector in each row."""


def shortened(vectors: list[list[float]], dimensions: int, *, raw: bool) -> list[list[float]]:
    """The first `dimensions` values of each vector, 0 for all; unit vectors, unless they are to
    stay `raw`. Those that are cut are unit vectors at any rate.

    Raises:
        EngineError: FIELD_INVALID if the vectors have fewer values, MODEL_OUTPUT_INVALID if they
            are not of numbers.
    """
    if not vectors:
        return vectors
    length = len(vectors[0])
    if dimensions > length:
        raise EngineError(
            ErrorReason.FIELD_INVALID,
            f"must be at most {length}, the length of the model's embeddings",
            field="dimensions",
        )
    values = _numbers(vectors)
    if raw and dimensions in (0, length):
        return vectors
    return _unit(values[:, : dimensions or length]).tolist()


def cosines(vectors: list[list[float]]) -> list[float]:
    """How close each vector but the first is to the first, from -1 to 1.

    Raises:
        EngineError: MODEL_OUTPUT_INVALID.
    """
    units = _unit(_numbers(vectors))
    return np.clip(units[1:] @ units[0], -1, 1).tolist()


def finite(scores: list[float]) -> list[float]:
    """The scores, which must be numbers.

    Raises:
        EngineError: MODEL_OUTPUT_INVALID.
    """
    if not all(map(math.isfinite, scores)):
        raise ModelOutputError
    return scores


def parts(texts: Iterable[list[int]], tokens: int) -> Iterator[list[list[int]]]:
    """The texts in parts of about that many tokens, at least one text in each."""
    part: list[list[int]] = []
    size = 0
    for text in texts:
        if part and size + len(text) > tokens:
            yield part
            part, size = [], 0
        part.append(text)
        size += len(text)
    if part:
        yield part


def _numbers(vectors: list[list[float]]) -> Values:
    values = np.array(vectors, dtype=np.float32)
    if not np.isfinite(values).all():
        raise ModelOutputError
    return values


def _unit(values: Values) -> Values:
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.maximum(norms, np.finfo(np.float32).tiny)
