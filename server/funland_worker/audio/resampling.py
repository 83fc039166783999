"""Makes sound of another sample rate, as it comes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import soxr
from numpy.typing import NDArray

_NOTHING: Final = np.zeros(0, np.float32)


class Resampler:
    """Takes mono sound of one rate piece by piece and gives it in another. The pieces together are
    what the whole would be in one go; for one sound, after `last` it is spent."""

    def __init__(self, source: int, target: int) -> None:
        """The rates are in hertz. Where they are the same, sound goes through as it is."""
        self._stream: Any = (
            None
            if source == target
            else soxr.ResampleStream(float(source), float(target), 1, dtype="float32")
        )

    def process(self, samples: NDArray[np.float32], *, last: bool = False) -> NDArray[np.float32]:
        """What can be told after these samples, float32 of shape [n]; with `last`, all that is
        left."""
        if self._stream is None:
            return samples
        if not len(samples) and not last:
            return _NOTHING
        return self._stream.resample_chunk(np.ascontiguousarray(samples, np.float32), last=last)
