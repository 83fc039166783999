"""Recordings of a tone, in all that is read."""

from __future__ import annotations

from io import BytesIO
from typing import Any, cast

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from funland.v1.speech_pb2 import SynthesizeRequest
from funland_worker.audio.encoding import encoder
from funland_worker.audio.resampling import Resampler

FORMATS = (
    SynthesizeRequest.WAV,
    SynthesizeRequest.FLAC,
    SynthesizeRequest.OPUS,
    SynthesizeRequest.MP3,
    SynthesizeRequest.AAC,
)


def tone(seconds: float, rate: int, hertz: float = 440) -> NDArray[np.float32]:
    """A tone at half of full scale."""
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def pitch(samples: NDArray[np.float32], rate: int) -> float:
    """The strongest frequency, in hertz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * rate / len(samples))


def written(
    format_: SynthesizeRequest.Format.ValueType,
    samples: NDArray[np.float32],
    rate: int,
    wanted: int | None = None,
    piece: int = 5000,
) -> bytes:
    """The samples in a format, given piece by piece."""
    sound = encoder(format_, wanted or rate)
    resampler = Resampler(rate, sound.sample_rate)
    data = b"".join(
        sound.write(resampler.process(samples[i : i + piece]))
        for i in range(0, len(samples), piece)
    )
    return data + sound.write(resampler.process(samples[:0], last=True)) + sound.close()


def muxed(container: str, codec: str, samples: NDArray[np.float32], rate: int) -> bytes:
    """The samples as FFmpeg writes them."""
    out = BytesIO()
    with cast("Any", av).open(out, "w", format=container) as file:
        stream: Any = file.add_stream(codec, rate=48000 if "opus" in codec else rate)
        stream.layout = "mono"
        whole = (samples * 32767).astype("<i2")[None]
        frame: Any = av.AudioFrame.from_ndarray(whole, format="s16", layout="mono")
        frame.sample_rate = rate
        for given in (frame, None):
            file.mux(stream.encode(given))
    return out.getvalue()


def vorbis(samples: NDArray[np.float32], rate: int) -> bytes:
    """The samples as Ogg Vorbis."""
    out = BytesIO()
    soundfile.write(out, samples, rate, format="OGG", subtype="VORBIS")  # pyright: ignore[reportUnknownMemberType]  # it has no types
    return out.getvalue()
