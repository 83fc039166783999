"""Speaks higher or lower at the same speed.

The sound is stretched by overlapping pieces of it, each taken where it fits best what came before
(WSOLA: Verhelst and Roelands, ICASSP 1993), and then resampled to its old length.
"""

from __future__ import annotations

import math
from typing import Any, Final, cast

import numpy as np
import soxr
from numpy.typing import NDArray

_WINDOW_SECONDS: Final = 0.040
"""Two to four periods of a low voice."""
_SEARCH_SECONDS: Final = 0.012
"""How far from its place a piece may be taken: a period of 83 Hz to each side."""


def shifted(samples: NDArray[np.float32], rate: int, factor: float) -> NDArray[np.float32]:
    """Mono sound of `rate` hertz, `factor` times as high, with as many samples."""
    if factor == 1 or not len(samples):
        return samples
    longer = stretched(samples, rate, factor)
    resampled = np.asarray(cast("Any", soxr).resample(longer, float(rate) * factor, float(rate)))
    if len(resampled) < len(samples):
        resampled = np.pad(resampled, (0, len(samples) - len(resampled)))
    return resampled[: len(samples)].astype(np.float32, copy=False)


def stretched(samples: NDArray[np.float32], rate: int, factor: float) -> NDArray[np.float32]:
    """Mono sound of `rate` hertz, `factor` times as long and as high as before."""
    if factor == 1 or not len(samples):
        return samples
    step = max(int(rate * _WINDOW_SECONDS) // 2, 8)
    window = 2 * step
    search = max(int(rate * _SEARCH_SECONDS), 4)
    fade = np.hanning(window + 1)[:window].astype(np.float32)  # two that overlap sum to 1
    length = math.ceil(len(samples) * factor)
    pieces = math.ceil(length / step) + 1
    reach = int((pieces - 1) * step / factor) + window + step + 2 * search
    source = np.pad(samples, (step + search, max(reach - len(samples), 0)))
    out = np.zeros((pieces + 1) * step, np.float32)
    begin = search  # the first piece's own place
    for number in range(pieces):
        if number:
            follows = source[begin + step : begin + step + window]
            place = search + round(number * step / factor)
            begin = (
                place - search + _best(source[place - search : place + search + window], follows)
            )
        out[number * step : number * step + window] += source[begin : begin + window] * fade
    return out[step : step + length]


def _best(region: NDArray[np.float32], wanted: NDArray[np.float32]) -> int:
    """Where in the region the wanted piece is most alike, by normalised correlation."""
    products = np.correlate(region, wanted, "valid")
    squares = np.concatenate([np.zeros(1), np.cumsum(region.astype(np.float64) ** 2)])
    energies = squares[len(wanted) :] - squares[: -len(wanted)]
    return int(np.argmax(products / np.sqrt(energies + 1e-9)))
