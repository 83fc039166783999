"""The features against an independent computation, and against numbers of OpenAI's own table."""

from __future__ import annotations

import numpy as np
import pytest

from funland_worker.hearing.spectrogram import FRAME_SAMPLES, RATE, log_mel, mel_filters
from tests.worker.hearing.scenes import SENTENCES, spoken


def slowly(samples: np.ndarray, mels: int) -> np.ndarray:
    """As the paper says it: in doubles, by the definition of the transform."""
    edges = np.concatenate([samples[200:0:-1], samples, samples[-2:-202:-1]]).astype(float)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    turns = np.exp(-2j * np.pi * np.outer(np.arange(201), np.arange(400)) / 400)
    frames = len(samples) // FRAME_SAMPLES
    parts = np.array([edges[160 * n : 160 * n + 400] for n in range(frames)])
    power = np.abs((parts * window) @ turns.T) ** 2
    energies = np.log10(np.maximum(power @ slaney(mels).T, 1e-10)).T
    return (np.maximum(energies, energies.max() - 8) + 4) / 4


def slaney(mels: int) -> np.ndarray:
    """Triangles, weight by weight."""

    def hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    highest = 15 + 27 * np.log(8) / np.log(6.4)
    corners = [hertz(highest * n / (mels + 1)) for n in range(mels + 2)]
    table = np.zeros((mels, 201))
    for row, (low, middle, high) in enumerate(zip(corners, corners[1:], corners[2:], strict=False)):
        for column in range(201):
            at = column * 40.0
            rise, fall = (at - low) / (middle - low), (high - at) / (high - middle)
            table[row, column] = max(0.0, min(rise, fall)) * 2 / (high - low)
    return table


@pytest.mark.parametrize("mels", [80, 128])
def test_features_are_as_an_independent_computation_has_them(mels: int) -> None:
    sound = np.concatenate([spoken(SENTENCES[0]), np.zeros(RATE, np.float32)])

    features = log_mel(sound, mels)

    assert features.shape == (mels, len(sound) // FRAME_SAMPLES)
    assert features.dtype == np.float32
    assert np.abs(features - slowly(sound, mels)).max() < 1e-4


def test_filters_have_the_weights_of_openais_table() -> None:
    assert mel_filters(80)[0, 1] == pytest.approx(0.02486259, abs=1e-7)
    assert mel_filters(80)[1, 1:3] == pytest.approx([0.00199082, 0.02287177], abs=1e-7)
    assert mel_filters(128)[0, 1] == pytest.approx(0.01237399, abs=1e-7)
    assert mel_filters(128)[1, 1] == pytest.approx(0.03039256, abs=1e-7)


def test_silence_has_features_too() -> None:
    assert np.isfinite(log_mel(np.zeros(RATE, np.float32), 80)).all()
