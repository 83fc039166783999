from __future__ import annotations

import numpy as np
import pytest

from funland_worker.audio.pitching import shifted
from tests.worker.audio.recordings import pitch, tone


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.0, 1.25, 1.5, 2.0])
@pytest.mark.parametrize("rate", [16000, 22050, 24000])
def test_a_tone_is_so_many_times_as_high_and_as_long(factor: float, rate: int) -> None:
    samples = tone(3, rate)

    higher = shifted(samples, rate, factor)

    assert len(higher) == len(samples)
    assert higher.dtype == np.float32
    assert pitch(higher, rate) == pytest.approx(440 * factor, abs=1)
    assert higher.std() == pytest.approx(samples.std(), rel=0.02)


@pytest.mark.parametrize("factor", [0.5, 1.5, 2.0])
def test_a_tone_stays_one_tone(factor: float) -> None:
    higher = shifted(tone(3, 24000), 24000, factor)[2400:-2400]

    power = np.abs(np.fft.rfft(higher * np.hanning(len(higher)))) ** 2
    peak = int(power.argmax())
    rest = power.sum() - power[peak - 8 : peak + 9].sum()

    assert rest / power.sum() < 1e-4  # artefacts are 40 dB below


def test_what_changes_keeps_its_times() -> None:
    samples = np.concatenate([tone(1, 24000), np.zeros(24000, np.float32), tone(1, 24000, 600)])

    higher = shifted(samples, 24000, 1.4)

    assert np.abs(higher[26400:45600]).max() < 0.01
    assert pitch(higher[1200:22800], 24000) == pytest.approx(616, abs=3)
    assert pitch(higher[49200:70800], 24000) == pytest.approx(840, abs=3)


@pytest.mark.parametrize("length", [0, 1, 7, 100, 479, 480, 481, 5000])
@pytest.mark.parametrize("factor", [0.5, 0.9, 1.1, 2.0])
def test_any_length_keeps_its_length(length: int, factor: float) -> None:
    samples = tone(1, 24000)[:length]

    higher = shifted(samples, 24000, factor)

    assert len(higher) == length
    assert np.isfinite(higher).all()


def test_a_factor_of_one_changes_nothing() -> None:
    samples = tone(1, 24000)

    assert shifted(samples, 24000, 1.0) is samples
