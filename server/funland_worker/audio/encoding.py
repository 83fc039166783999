"""Writes sound in the formats of the contract, as it comes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from importlib import import_module
from typing import Final, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from funland.v1.speech_pb2 import SynthesizeRequest
from funland_worker.engines.protocol import ModelOutputError

Format = SynthesizeRequest.Format

# What MPEG-1, 2 and 2.5 have; Opus resamples none but these.
_RATES: Final[dict[SynthesizeRequest.Format.ValueType, tuple[int, ...]]] = {
    SynthesizeRequest.OPUS: (8000, 12000, 16000, 24000, 48000),
    SynthesizeRequest.MP3: (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    SynthesizeRequest.AAC: (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
}

MEDIA_TYPES: Final[dict[SynthesizeRequest.Format.ValueType, str]] = {
    SynthesizeRequest.WAV: "audio/wav",
    SynthesizeRequest.PCM: "audio/pcm",
    SynthesizeRequest.FLAC: "audio/flac",
    SynthesizeRequest.OPUS: "audio/ogg",
    SynthesizeRequest.MP3: "audio/mpeg",
    SynthesizeRequest.AAC: "audio/aac",
}
"""What each format is called on the web."""

_UNKNOWN_LENGTH: Final = 0xFFFFFFFF


class Encoder(Protocol):
    """Takes one sound piece by piece, and gives its bytes."""

    @property
    def media_type(self) -> str:
        """What it is called on the web, such as `audio/wav`."""
        ...

    @property
    def sample_rate(self) -> int:
        """The rate of the samples that it takes and of what it writes, in hertz."""
        ...

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """Takes mono samples from -1 to 1, of shape [n]; beyond that they are clipped. Gives the
        bytes that can be told by now, which may be none.

        Raises:
            ModelOutputError: Some are not numbers.
        """
        ...

    def close(self) -> bytes:
        """The last bytes. What is not closed is left behind without harm."""
        ...


def encoder(format_: SynthesizeRequest.Format.ValueType, sample_rate: int) -> Encoder:
    """What writes that format, in the nearest sample rate that it has (`nearest_rate`): what is
    given to it has its `sample_rate`. Unspecified is WAV.

    Raises:
        EngineError: FORMAT_UNAVAILABLE: what writes it is not installed.
    """
    rate = nearest_rate(format_, sample_rate)
    match format_:
        case SynthesizeRequest.PCM:
            return Raw(rate)
        case SynthesizeRequest.FLAC | SynthesizeRequest.OPUS | SynthesizeRequest.MP3:
            make = _maker("funland_worker.audio.compressing")
        case SynthesizeRequest.AAC:
            make = _maker("funland_worker.audio.aac")
        case _:
            return Wave(rate)
    return make(format_, rate)


def nearest_rate(format_: SynthesizeRequest.Format.ValueType, wanted: int) -> int:
    """The lowest sample rate of the format that is not below the wanted one, or its highest."""
    rates = _RATES.get(format_)
    if rates is None:
        return wanted
    return next((rate for rate in rates if rate >= wanted), rates[-1])


def pcm(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """The samples as 16 bits, clipped.

    Raises:
        ModelOutputError: Some are not numbers.
    """
    if not np.isfinite(samples).all():
        raise ModelOutputError
    return np.rint(np.clip(samples, -1, 1) * 32767).astype("<i2")


class Raw:
    """Samples of 16 bits, the lowest byte first, without a header."""

    media_type = MEDIA_TYPES[SynthesizeRequest.PCM]

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """See `Encoder`."""
        return pcm(samples).tobytes()

    def close(self) -> bytes:
        """See `Encoder`."""
        return b""


class Wave:
    """RIFF, whose header says that the length is not known."""

    media_type = MEDIA_TYPES[SynthesizeRequest.WAV]

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._header = wave_header(sample_rate)

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """See `Encoder`."""
        data = self._header + pcm(samples).tobytes()
        self._header = b""
        return data

    def close(self) -> bytes:
        """See `Encoder`."""
        header, self._header = self._header, b""
        return header


def wave_header(sample_rate: int, data_bytes: int = _UNKNOWN_LENGTH) -> bytes:
    """What stands before the samples, 16 bits each, of one channel."""
    riff_bytes = min(data_bytes + 36, _UNKNOWN_LENGTH)
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", riff_bytes, b"WAVE"),
        *(b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16),
        *(b"data", data_bytes),
    )


def _maker(
    module: str,
) -> Callable[[SynthesizeRequest.Format.ValueType, int], Encoder]:
    # What these take is imported where it is used.
    return cast(
        "Callable[[SynthesizeRequest.Format.ValueType, int], Encoder]",
        import_module(module).make,
    )
