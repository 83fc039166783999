"""Writes AAC in ADTS by FFmpeg, which is an extra."""

from __future__ import annotations

from fractions import Fraction
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.speech_pb2 import SynthesizeRequest
from funland_worker.audio.encoding import MEDIA_TYPES, Encoder, pcm
from funland_worker.engines.protocol import EngineError


def make(format_: SynthesizeRequest.Format.ValueType, sample_rate: int) -> Encoder:
    """The encoder.

    Raises:
        EngineError: FORMAT_UNAVAILABLE: the extra is not installed.
    """
    del format_
    return _Aac(pyav("AAC"), sample_rate)


def pyav(format_: str) -> Any:
    """The library, for a format that needs it.

    Raises:
        EngineError: FORMAT_UNAVAILABLE: the extra is not installed.
    """
    try:
        import av  # noqa: PLC0415 - an extra
    except ImportError:
        raise EngineError(
            ErrorReason.FORMAT_UNAVAILABLE,
            f"{format_} needs a package that is not installed: install `funland[aac]`.",
            format=format_,
            package="funland[aac]",
        ) from None
    return av


class _Aac:
    """AAC-LC of 64 kbit/s or less."""

    media_type = MEDIA_TYPES[SynthesizeRequest.AAC]

    def __init__(self, av: Any, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._av = av
        self._buffer = BytesIO()
        self._container: Any = av.open(self._buffer, "w", format="adts")
        self._stream: Any = self._container.add_stream("aac", rate=sample_rate, layout="mono")
        self._stream.bit_rate = 48_000 if sample_rate < 16_000 else 64_000  # noqa: PLR2004 - in Hz
        self._written = 0

    def write(self, samples: NDArray[np.float32]) -> bytes:
        """See `Encoder`."""
        data = pcm(samples)
        if len(data):
            frame = self._av.AudioFrame.from_ndarray(data[None], format="s16", layout="mono")
            frame.sample_rate = self.sample_rate
            frame.time_base = Fraction(1, self.sample_rate)
            frame.pts = self._written
            self._written += len(data)
            self._mux(frame)
        return self._taken()

    def close(self) -> bytes:
        """See `Encoder`."""
        if self._written:
            self._mux(None)
        self._container.close()
        return self._taken()

    def _mux(self, frame: Any) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def _taken(self) -> bytes:
        data = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return data
