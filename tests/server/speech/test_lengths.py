"""A whole sound says how long it is."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import soundfile

from funland.v1.speech_pb2 import SynthesizeRequest
from funland_server.speech.lengths import HEAD_BYTES, with_length, write_length
from funland_worker.audio.encoding import encoder

SAMPLES = 12345


def streamed(format_: SynthesizeRequest.Format.ValueType) -> bytearray:
    writing = encoder(format_, 24000)
    sound = np.sin(np.arange(SAMPLES, dtype=np.float32) / 10) * np.float32(0.5)
    return bytearray(writing.write(sound) + writing.close())


def test_wav_gets_its_lengths() -> None:
    sound = streamed(SynthesizeRequest.WAV)

    write_length(sound, SAMPLES)

    with wave.open(io.BytesIO(bytes(sound))) as file:
        assert file.getnframes() == SAMPLES


def test_flac_gets_its_length() -> None:
    sound = streamed(SynthesizeRequest.FLAC)
    assert soundfile.info(io.BytesIO(bytes(sound))).frames > 2**40, "it does not say"

    write_length(sound, SAMPLES)

    assert soundfile.info(io.BytesIO(bytes(sound))).frames == SAMPLES
    assert len(soundfile.read(io.BytesIO(bytes(sound)))[0]) == SAMPLES


@pytest.mark.parametrize("sound", [b"", b"RIFF", b"fLaC", b"OggS" + bytes(60), b"RIFF" + bytes(60)])
def test_what_is_something_else_stays_as_it_is(sound: bytes) -> None:
    after = bytearray(sound)

    write_length(after, SAMPLES)

    assert after == sound


def test_wav_has_no_number_for_four_gibibytes() -> None:
    head = bytes(streamed(SynthesizeRequest.WAV)[:HEAD_BYTES])

    assert with_length(head, 2**32 + 7, 2**31) == head
    assert with_length(head, 2**32 - 10, 2**31 - 30) != head
