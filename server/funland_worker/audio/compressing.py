"""Writes FLAC and Opus by libsndfile, and MP3 by LAME."""

from __future__ import annotations

from io import SEEK_CUR, SEEK_SET
from typing import Any, Final, cast

import lameenc
import numpy as np
import soundfile
from numpy.typing import NDArray

from funland.v1.speech_pb2 import SynthesizeRequest
from funland_worker.audio.encoding import MEDIA_TYPES, Encoder, pcm

_SOUNDFILE: Final[dict[SynthesizeRequest.Format.ValueType, tuple[str, str]]] = {
    SynthesizeRequest.FLAC: ("FLAC", "PCM_16"),
    SynthesizeRequest.OPUS: ("OGG", "OPUS"),
}
_LAME_QUALITY: Final = 5
"""Of 2, the slowest, to 7."""


def make(format_: SynthesizeRequest.Format.ValueType, sample_rate: int) -> Encoder:
    """The encoder of a format of this module."""
    if format_ == SynthesizeRequest.MP3:
        return _Lame(sample_rate)
    return _SoundFile(format_, sample_rate)


class _Sink:
    """A file that is handed on while it is written. libsndfile complains aloud of one that can't
    seek; what it would write into the part that is gone by then is left out: formats here have
    nothing there but lengths, which may be unknown."""

    def __init__(self) -> None:
        self._gone = 0
        self._kept = bytearray()
        self._place = 0

    def taken(self) -> bytes:
        data = bytes(self._kept)
        self._gone += len(data)
        self._kept.clear()
        return data

    def write(self, data: Any) -> int:
        new = bytes(data)
        start = self._place - self._gone
        self._place += len(new)
        if start < 0:
            new, start = new[-start:], 0
        self._kept[start : start + len(new)] = new
        return len(data)

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        origin = {SEEK_SET: 0, SEEK_CUR: self._place}.get(whence, self._gone + len(self._kept))
        self._place = min(max(origin + offset, 0), self._gone + len(self._kept))
        return self._place

    def tell(self) -> int:
        return self._place

    def flush(self) -> None:
        """Nothing waits."""

    def read(self, size: int = -1) -> bytes:
        """Nothing is read back."""
        del size
        return b""


class _SoundFile:
    """A format of libsndfile."""

    def __init__(self, format_: SynthesizeRequest.Format.ValueType, sample_rate: int) -> None:
        self.media_type = MEDIA_TYPES[format_]
        self.sample_rate = sample_rate
        major, subtype = _SOUNDFILE[format_]
        self._sink = _Sink()
        self._file: Any = soundfile.SoundFile(
            self._sink,  # pyright: ignore[reportArgumentType] - what it calls of a file
            "w",
            samplerate=sample_rate,
            channels=1,
            format=major,
            subtype=subtype,
        )

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """See `Encoder`."""
        self._file.write(pcm(samples))
        return self._sink.taken()

    def close(self) -> bytes:
        """See `Encoder`."""
        self._file.close()
        return self._sink.taken()


class _Lame:
    """MP3 of a constant rate of bits."""

    media_type = MEDIA_TYPES[SynthesizeRequest.MP3]

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._lame = cast("Any", lameenc).Encoder()
        self._lame.silence()
        self._lame.set_channels(1)
        self._lame.set_in_sample_rate(sample_rate)
        self._lame.set_out_sample_rate(sample_rate)
        self._lame.set_bit_rate(_kilobits(sample_rate))
        self._lame.set_quality(_LAME_QUALITY)
        self._begun = False

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """See `Encoder`."""
        self._begun = self._begun or len(samples) > 0
        return bytes(self._lame.encode(pcm(samples).tobytes()))

    def close(self) -> bytes:
        """See `Encoder`."""
        if not self._begun:  # LAME flushes only what has begun
            self._lame.encode(bytes(2))
        return bytes(self._lame.flush())


def _kilobits(sample_rate: int) -> int:
    """How many kilobits a second of one voice needs to sound well."""
    if sample_rate <= 12_000:  # noqa: PLR2004 - MPEG-2.5
        return 32
    return 64 if sample_rate <= 24_000 else 96  # noqa: PLR2004 - MPEG-2
