"""Arithmetic on embeddings, and how many are computed at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError


def shortened(vectors: list[list[float]], dimensions: int, *, raw: bool) -> list[list[float]]:
    """The first `dimensions` values of each vector, 0 for all; unit vectors, unless they are to
    stay `raw`. Those that are cut are unit vectors at any rate.

    Raises:
        EngineError: FIELD_INVALID if the vectors have fewer values.
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
    if raw and dimensions in (0, length):
        return vectors
    values = np.array(vectors, dtype=np.float32)[:, : dimensions or length]
    return _unit(values).tolist()


def cosines(vectors: list[list[float]]) -> list[float]:
    """How close each vector but the first is to the first, from -1 to 1."""
    units = _unit(np.array(vectors, dtype=np.float32))
    return (units[1:] @ units[0]).tolist()


def parts(texts: Sequence[list[int]], tokens: int) -> Iterator[list[list[int]]]:
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


def _unit(
    values: np.ndarray[tuple[int, int], np.dtype[np.float32]],
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    norms = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.maximum(norms, np.finfo(np.float32).tiny)
