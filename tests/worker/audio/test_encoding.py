from __future__ import annotations

import sys
from io import BytesIO
from typing import Any, cast

import av
import numpy as np
import pytest
import soundfile

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.speech_pb2 import SynthesizeRequest
from funland_worker.audio.decoding import Recording
from funland_worker.audio.encoding import encoder, nearest_rate
from funland_worker.audio.resampling import Resampler
from funland_worker.engines.protocol import EngineError, ModelOutputError
from tests.worker.audio.recordings import FORMATS, pitch, tone, written

RATES = (8000, 11025, 16000, 22050, 24000, 44100, 48000)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("rate", RATES)
def test_a_tone_sounds_the_same_from_every_format_at_every_rate(
    format_: SynthesizeRequest.Format.ValueType, rate: int
) -> None:
    data = written(format_, tone(2, 24000), 24000, rate)

    with Recording(data) as recording:
        heard = np.concatenate(list(recording.blocks(16000)))

    assert recording.sound.rate == nearest_rate(format_, rate)
    assert recording.sound.channels == 1
    assert 2 <= len(heard) / 16000 < 2.3  # MP3 and AAC are of whole frames
    assert pitch(heard[4000:20000], 16000) == pytest.approx(440, abs=2)
    assert heard[4000:20000].std() == pytest.approx(0.3535, abs=0.02)


@pytest.mark.parametrize(
    ("format_", "wanted", "nearest"),
    [
        (SynthesizeRequest.WAV, 22050, 22050),
        (SynthesizeRequest.PCM, 12345, 12345),
        (SynthesizeRequest.FLAC, 9000, 9000),
        (SynthesizeRequest.OPUS, 8000, 8000),
        (SynthesizeRequest.OPUS, 22050, 24000),
        (SynthesizeRequest.OPUS, 44100, 48000),
        (SynthesizeRequest.OPUS, 96000, 48000),
        (SynthesizeRequest.MP3, 22050, 22050),
        (SynthesizeRequest.MP3, 23000, 24000),
        (SynthesizeRequest.AAC, 47999, 48000),
    ],
)
def test_a_format_has_the_nearest_rate_at_or_above(
    format_: SynthesizeRequest.Format.ValueType, wanted: int, nearest: int
) -> None:
    assert nearest_rate(format_, wanted) == nearest
    assert encoder(format_, wanted).sample_rate == nearest


@pytest.mark.parametrize(
    ("format_", "media_type"),
    [
        (SynthesizeRequest.FORMAT_UNSPECIFIED, "audio/wav"),
        (SynthesizeRequest.WAV, "audio/wav"),
        (SynthesizeRequest.PCM, "audio/pcm"),
        (SynthesizeRequest.FLAC, "audio/flac"),
        (SynthesizeRequest.OPUS, "audio/ogg"),
        (SynthesizeRequest.MP3, "audio/mpeg"),
        (SynthesizeRequest.AAC, "audio/aac"),
    ],
)
def test_a_format_has_its_media_type(
    format_: SynthesizeRequest.Format.ValueType, media_type: str
) -> None:
    assert encoder(format_, 24000).media_type == media_type


@pytest.mark.parametrize("format_", [SynthesizeRequest.PCM, *FORMATS])
def test_sound_comes_while_it_is_written(format_: SynthesizeRequest.Format.ValueType) -> None:
    sound = encoder(format_, 24000)

    first = sound.write(tone(3, 24000)) + sound.write(tone(1, 24000))

    assert len(first) > 2000
    assert len(sound.close()) < len(first)


@pytest.mark.parametrize("format_", [SynthesizeRequest.PCM, *FORMATS])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_samples_that_are_no_numbers_are_refused(
    format_: SynthesizeRequest.Format.ValueType, value: float
) -> None:
    samples = tone(0.1, 24000)
    samples[7] = value

    with pytest.raises(ModelOutputError):
        encoder(format_, 24000).write(samples)


def test_samples_beyond_full_scale_are_clipped() -> None:
    data = encoder(SynthesizeRequest.PCM, 24000).write(np.array([-3, -1, 0, 1, 2], np.float32))

    assert np.frombuffer(data, "<i2").tolist() == [-32767, -32767, 0, 32767, 32767]


@pytest.mark.parametrize("format_", [SynthesizeRequest.PCM, *FORMATS])
def test_nothing_at_all_is_written_without_an_error(
    format_: SynthesizeRequest.Format.ValueType,
) -> None:
    sound = encoder(format_, 24000)
    sound.write(np.zeros(0, np.float32))

    assert isinstance(sound.close(), bytes)


def test_a_streamed_wav_is_read_by_others() -> None:
    data = written(SynthesizeRequest.WAV, tone(1, 24000), 24000)

    samples, rate = soundfile.read(BytesIO(data))  # pyright: ignore[reportUnknownMemberType]  # it has no types

    assert (len(samples), rate) == (24000, 24000)
    assert data[4:8] == data[40:44] == b"\xff" * 4


@pytest.mark.parametrize(
    "format_", [SynthesizeRequest.FLAC, SynthesizeRequest.OPUS, SynthesizeRequest.MP3]
)
def test_a_streamed_file_is_whole_for_ffmpeg(format_: SynthesizeRequest.Format.ValueType) -> None:
    data = written(format_, tone(2, 24000), 24000)

    with cast("Any", av).open(BytesIO(data)) as file:
        frames: list[Any] = list(file.decode(audio=0))

    assert sum(frame.samples / frame.sample_rate for frame in frames) == pytest.approx(2, abs=0.1)


def test_an_mp3_has_the_bits_that_it_is_written_with() -> None:
    data = written(SynthesizeRequest.MP3, tone(10, 24000), 24000)

    assert len(data) * 8 / 10 == pytest.approx(64_000, rel=0.02)


def test_aac_without_its_extra_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)

    with pytest.raises(EngineError) as raised:
        encoder(SynthesizeRequest.AAC, 24000)

    assert raised.value.reason == ErrorReason.FORMAT_UNAVAILABLE
    assert raised.value.metadata == {"format": "AAC", "package": "funland[aac]"}


def test_nothing_is_said_aloud(capfd: pytest.CaptureFixture[str]) -> None:
    for format_ in FORMATS:
        written(format_, tone(1, 24000), 24000)

    assert capfd.readouterr() == ("", "")


def test_pieces_are_resampled_as_the_whole_is() -> None:
    samples = tone(3, 24000)
    whole = Resampler(24000, 16000).process(samples, last=True)
    resampler = Resampler(24000, 16000)

    pieces = [resampler.process(samples[i : i + 777]) for i in range(0, len(samples), 777)]
    pieces.append(resampler.process(samples[:0], last=True))

    assert np.array_equal(np.concatenate(pieces), whole)
    assert len(whole) == 48000


def test_sound_of_the_wanted_rate_goes_through_as_it_is() -> None:
    samples = tone(1, 24000)

    assert Resampler(24000, 24000).process(samples) is samples
