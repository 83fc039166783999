"""The picture of a sound that Whisper was trained on: log-mel energies of 25 ms each 10 ms."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE: Final = 16000
"""Samples a second."""
FRAME_SAMPLES: Final = 160
"""From one frame to the next."""
_WINDOW: Final = 400
_HIGHEST: Final = RATE / 2
_LEAST: Final = 1e-10
_DEPTH: Final = 8.0
"""How far below the loudest energy anything is told, in powers of ten."""

# Slaney's scale: even up to 1 kHz, then 27 steps for each factor of 6.4.
_EVEN: Final = 200.0 / 3
_BEND_HERTZ, _BEND_MEL = 1000.0, 15.0
_STEP: Final = np.log(6.4) / 27.0


def log_mel(samples: NDArray[np.float32], mels: int) -> NDArray[np.float32]:
    """The energies of `samples` (one channel at 16 kHz, within -1 and 1): float32 [mels, frames],
    a frame for each whole 160 samples, of which there is at least one.

    As https://github.com/openai/whisper/blob/main/whisper/audio.py computes it.
    """
    frames = len(samples) // FRAME_SAMPLES
    edges = np.pad(samples, _WINDOW // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(edges, _WINDOW)[::FRAME_SAMPLES][:frames]
    spectrum = np.fft.rfft(windows * _hann(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    energies = np.log10(np.maximum(mel_filters(mels) @ power.T, _LEAST))
    told = np.maximum(energies, energies.max() - _DEPTH)
    return ((told + 4.0) / 4.0).astype(np.float32)


@cache
def mel_filters(mels: int) -> NDArray[np.float32]:
    """Triangles of equal area on Slaney's scale: float32 [mels, 201]."""
    hertz = np.linspace(0.0, _HIGHEST, _WINDOW // 2 + 1)
    corners = _hertz(np.linspace(0.0, _mel(_HIGHEST), mels + 2))
    widths = np.diff(corners)
    ramps = corners[:, None] - hertz[None, :]
    rising, falling = -ramps[:-2] / widths[:-1, None], ramps[2:] / widths[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (corners[2:] - corners[:-2]))[:, None]).astype(np.float32)


@cache
def _hann() -> NDArray[np.float32]:
    return np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


def _mel(hertz: float) -> float:
    if hertz < _BEND_HERTZ:
        return hertz / _EVEN
    return float(_BEND_MEL + np.log(hertz / _BEND_HERTZ) / _STEP)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    bent = _BEND_HERTZ * np.exp(_STEP * (mel - _BEND_MEL))
    return np.where(mel >= _BEND_MEL, bent, mel * _EVEN)
