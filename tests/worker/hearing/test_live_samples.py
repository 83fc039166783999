"""What a caller's bytes become."""

from __future__ import annotations

import numpy as np
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.live.samples import LiveSamples

RATE = 16_000


def tone(rate: int, seconds: float = 2.0) -> bytes:
    """440 Hz at half the loudness."""
    at = np.arange(round(rate * seconds)) / rate
    return (0.5 * 32768 * np.sin(2 * np.pi * 440 * at)).astype("<i2").tobytes()


@pytest.mark.parametrize("rate", [0, 4_000, 8_000, 16_000, 22_050, 44_100, 48_000, 192_000])
def test_every_rate_becomes_16_khz_however_it_is_cut(rate: int) -> None:
    sound = tone(rate or RATE)
    samples = LiveSamples(rate)
    pieces = [*samples.pieces(sound[:14]), *samples.pieces(b""), *samples.pieces(sound[14:])]

    heard = np.concatenate([*pieces, samples.rest()])

    assert heard.dtype == np.float32
    assert abs(len(heard) - 2 * RATE) <= 2
    spectrum = np.abs(np.fft.rfft(heard[:RATE]))
    assert int(np.argmax(spectrum)) == 440
    assert np.abs(heard[4000:-4000]).max() == pytest.approx(0.5, abs=0.01)


def test_the_lowest_byte_comes_first() -> None:
    (heard,) = LiveSamples(RATE).pieces(bytes([0, 0x80, 0xFF, 0x7F, 1, 0]))

    assert heard.tolist() == pytest.approx([-1.0, 32767 / 32768, 1 / 32768])


@pytest.mark.parametrize("rate", [-1, 1, 3_999, 192_001, 2**31 - 1])
def test_a_rate_that_nobody_speaks_at_is_refused(rate: int) -> None:
    with pytest.raises(EngineError) as raised:
        LiveSamples(rate)

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata == {"field": "config.sample_rate"}


@pytest.mark.parametrize("length", [1, 3, 1599])
def test_half_a_sample_is_refused(length: int) -> None:
    with pytest.raises(EngineError) as raised:
        list(LiveSamples(RATE).pieces(bytes(length)))

    assert raised.value.reason == ErrorReason.FIELD_INVALID
    assert raised.value.metadata == {"field": "audio"}


def test_a_long_message_is_taken_in_pieces() -> None:
    pieces = list(LiveSamples(8_000).pieces(bytes(1 << 20)))

    assert max(map(len, pieces)) <= RATE
    assert sum(map(len, pieces)) == pytest.approx((1 << 20), rel=0.01)
