"""The samples of a caller, as they are heard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.audio.resampling import Resampler
from funland_worker.engines.protocol import EngineError
from funland_worker.hearing.voice.detector import SAMPLE_RATE

_LEAST_RATE: Final = 4_000
_MOST_RATE: Final = 192_000
_SAMPLE_BYTES: Final = 2
_PIECE_SECONDS: Final = 0.5
_STEP: Final = np.float32(1 / 32768)


class LiveSamples:
    """One caller's; memory does not grow with what came."""

    def __init__(self, sample_rate: int) -> None:
        """`sample_rate` is in hertz; 0: 16000.

        Raises:
            EngineError: FIELD_INVALID.
        """
        rate = sample_rate or SAMPLE_RATE
        if not _LEAST_RATE <= rate <= _MOST_RATE:
            raise EngineError(
                ErrorReason.FIELD_INVALID,
                f"must be from {_LEAST_RATE} to {_MOST_RATE}, or 0 for {SAMPLE_RATE}",
                field="config.sample_rate",
            )
        self._piece = round(_PIECE_SECONDS * rate) * _SAMPLE_BYTES
        self._resampler = Resampler(rate, SAMPLE_RATE)

    def pieces(self, audio: bytes) -> Iterator[NDArray[np.float32]]:
        """One channel at 16 kHz, from -1 to 1, half a second at a time.

        Args:
            audio: Samples of 16 bits, the lowest byte first.

        Raises:
            EngineError: FIELD_INVALID.
        """
        if len(audio) % _SAMPLE_BYTES:
            raise EngineError(
                ErrorReason.FIELD_INVALID,
                f"must have whole samples of 2 bytes, and has {len(audio)} bytes",
                field="audio",
            )
        for begin in range(0, len(audio), self._piece):
            samples = np.frombuffer(audio[begin : begin + self._piece], "<i2")
            yield self._resampler.process(samples.astype(np.float32) * _STEP)

    def rest(self) -> NDArray[np.float32]:
        """What is left when no more comes."""
        return self._resampler.process(np.zeros(0, np.float32), last=True)
