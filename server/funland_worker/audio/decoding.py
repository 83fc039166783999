"""Reads recordings of any length, as one channel in the sample rate that is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from io import SEEK_END, BytesIO
from pathlib import Path
from typing import BinaryIO, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from funland_worker.audio.containers import HEAD_BYTES, Container, check_head, container
from funland_worker.audio.resampling import Resampler
from funland_worker.audio.sound import LONGEST_SECONDS, Sound, invalid, too_long

_BLOCK_SAMPLES: Final = 1 << 18
_CANCELLED: Final = 0.01
"""Of the loudest channel's energy: less is left of the mean where channels cancel each other."""
"""How many samples of all channels are decoded at a time: 1 MiB."""


class _Reader(Protocol):
    """A file of which the header is read."""

    sound: Sound

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """Its samples, float32 of shape [n, channels]."""
        ...

    def close(self) -> None:
        """Lets go of it."""
        ...


class Recording:
    """A recording that is open. Use it with `with`; its sound is read once."""

    def __init__(self, source: bytes | Path) -> None:
        """Opens a file, or what is one.

        Raises:
            EngineError: AUDIO_INVALID, or FORMAT_UNAVAILABLE: what reads it is not installed.
        """
        with ExitStack() as opened:
            file: BinaryIO = opened.enter_context(
                BytesIO(source) if isinstance(source, bytes) else source.open("rb")
            )
            self._reader = _reader(file)
            opened.callback(self._reader.close)
            self._opened = opened.pop_all()
        self.sound = self._reader.sound
        """What is known of it."""

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *raised: object) -> None:
        """Lets go of the file."""
        self._opened.close()

    def blocks(self, rate: int = 16_000) -> Iterator[NDArray[np.float32]]:
        """Its sound in that sample rate: mono float32 from -1 to 1, each of shape [n] with n > 0.
        A file that ends early gives what is there; memory does not grow with its length.

        Raises:
            EngineError: AUDIO_INVALID: it is damaged, has no sound, or too much.
        """
        resampler = Resampler(self.sound.rate, rate)
        heard = 0
        for block in self._reader.blocks(max(_BLOCK_SAMPLES // self.sound.channels, 1)):
            heard += len(block)
            if heard > LONGEST_SECONDS * self.sound.rate:
                raise too_long(self.sound)
            mono = _mono(block)
            if len(out := resampler.process(mono)):
                yield np.clip(out, -1, 1)
        if not heard:
            raise invalid(f"The {self.sound.container} file has no samples.")
        if len(out := resampler.process(np.zeros(0, np.float32), last=True)) and (
            self.sound.rate != rate
        ):
            yield np.clip(out, -1, 1)


def decoded(source: bytes | Path, rate: int = 16_000) -> Iterator[NDArray[np.float32]]:
    """As `Recording.blocks`."""
    with Recording(source) as recording:
        yield from recording.blocks(rate)


def _reader(file: BinaryIO) -> _Reader:
    head = file.read(HEAD_BYTES)
    size = file.seek(0, SEEK_END)
    kind = container(head)
    check_head(kind, head, size)
    file.seek(0)
    match kind:
        # Imported where it is used: what it takes is large.
        case Container.WAV:
            from funland_worker.audio.wave import WaveReader  # noqa: PLC0415 - for such files alone

            return WaveReader(file, size)
        case Container.FLAC | Container.OGG | Container.MP3:
            from funland_worker.audio.libsndfile import SoundFileReader  # noqa: PLC0415 - for such files alone

            return SoundFileReader(file, size, kind)
        case _:
            from funland_worker.audio.ffmpeg import FfmpegReader  # noqa: PLC0415 - for such files alone

            return FfmpegReader(file, size, kind)


def _mono(block: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of all channels; the loudest where they cancel each other, for one has the other
    turned round.

    Raises:
        EngineError: AUDIO_INVALID: some samples are not numbers.
    """
    mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
    if not np.isfinite(mono).all():
        raise invalid("The file has samples that are not numbers.")
    if block.shape[1] == 1:
        return mono
    energies = np.square(block, dtype=np.float64).sum(axis=0)
    loudest = int(energies.argmax())
    left = float(np.square(mono, dtype=np.float64).sum())
    return block[:, loudest] if left < _CANCELLED * float(energies[loudest]) else mono
