"""Sound on its way from voices to a file of the format that is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from funland.v1.speech_pb2 import SynthesizeRequest
from funland_worker.audio.encoding import encoder
from funland_worker.audio.resampling import Resampler

_NOTHING = np.zeros(0, np.float32)
_MICROSECONDS = 1_000_000


class Recording:
    """One sound. Its methods block: they compute."""

    def __init__(self, format_: SynthesizeRequest.Format.ValueType, sample_rate: int) -> None:
        """As near to that `sample_rate` as the format has one.

        Raises:
            EngineError: FORMAT_UNAVAILABLE.
        """
        self._encoder = encoder(format_, sample_rate)
        self._resampler: Resampler | None = None
        self._rate = self._encoder.sample_rate
        self._samples = 0
        self.media_type = self._encoder.media_type
        """What it is called on the web."""

    @property
    def sample_rate(self) -> int:
        """In hertz."""
        return self._encoder.sample_rate

    @property
    def microseconds(self) -> int:
        """How long it sounds by now."""
        return self._samples * _MICROSECONDS // self.sample_rate

    def write(self, samples: NDArray[np.float32], rate: int) -> bytes:
        """Takes samples of that rate, of shape [n], and gives the bytes that can be told by now."""
        if rate == self._rate:
            return self._encode(self._resampled(samples))
        before = self._encode(self._resampled(_NOTHING, last=True))
        self._rate = rate
        self._resampler = Resampler(rate, self.sample_rate) if rate != self.sample_rate else None
        return before + self._encode(self._resampled(samples))

    def close(self) -> bytes:
        """The last bytes."""
        return self._encode(self._resampled(_NOTHING, last=True)) + self._encoder.close()

    def _resampled(
        self, samples: NDArray[np.float32], *, last: bool = False
    ) -> NDArray[np.float32]:
        if self._resampler is None:
            return samples
        return self._resampler.process(samples, last=last)

    def _encode(self, samples: NDArray[np.float32]) -> bytes:
        self._samples += len(samples)
        return self._encoder.write(samples) if len(samples) else b""
