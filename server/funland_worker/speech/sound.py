"""What is done with a voice's samples before they are written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

_QUIET: Final = 0.01
"""Of the loudest sample: what is below is the breath around a sentence."""
_KEPT_SECONDS: Final = 0.06
_BLOCK_SECONDS: Final = 1.0


def trimmed(
    samples: NDArray[np.float32], rate: int, *, start: bool, end: bool
) -> NDArray[np.float32]:
    """Without the silence at its start or end, but for a short rest: for what goes on amid a
    sentence. `samples` has the shape [n]; a view of it is given."""
    loud = np.flatnonzero(np.abs(samples) > _QUIET * float(np.max(np.abs(samples), initial=0.0)))
    if not len(loud):
        return samples
    kept = int(_KEPT_SECONDS * rate)
    first = max(0, int(loud[0]) - kept) if start else 0
    last = int(loud[-1]) + 1 + kept if end else len(samples)
    return samples[first:last]


def silence(seconds: float, rate: int) -> Iterator[NDArray[np.float32]]:
    """So much of it, in blocks."""
    left = round(seconds * rate)
    block = int(_BLOCK_SECONDS * rate)
    while left > 0:
        yield np.zeros(min(left, block), np.float32)
        left -= block
