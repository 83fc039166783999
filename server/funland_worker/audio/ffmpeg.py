"""Reads M4A, AAC and WebM by FFmpeg, which is an extra."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any, BinaryIO, Final, cast

import numpy as np
from numpy.typing import NDArray

from funland_worker.audio.aac import pyav
from funland_worker.audio.containers import Container
from funland_worker.audio.sound import Sound, check, invalid

_DEMUXERS: Final = {Container.MP4: "mov", Container.WEBM: "matroska", Container.AAC: "aac"}
"""Named, so that none is tried that opens further files."""


class FfmpegReader:
    """A file of which the header is read."""

    def __init__(self, file: BinaryIO, size: int, container: Container) -> None:
        """Reads the header.

        Raises:
            EngineError: AUDIO_INVALID, or FORMAT_UNAVAILABLE: the extra is not installed.
        """
        self._av = pyav(container)
        self._source = file
        self._size = size
        self._container = container
        try:
            self._input: Any = self._av.open(file, "r", format=_DEMUXERS[container])
        except (self._av.FFmpegError, ValueError) as error:
            raise invalid(f"The {container} file is damaged: {_words(error)}.") from None
        if not self._input.streams.audio:
            raise invalid(f"The {container} file has no sound in it.")
        self._stream: Any = self._input.streams.audio[0]
        rate, channels = self._stream.rate or 0, self._stream.channels or 0
        ticks = self._input.duration if container != Container.AAC else None  # that is a guess
        seconds = ticks / 1e6 if ticks and ticks > 0 else None
        self.sound = Sound(container, rate, channels, seconds)
        check(self.sound)

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples, about so many frames at a time, each float32 of shape [n, channels]. A
        file that ends early ends there.

        Raises:
            EngineError: AUDIO_INVALID: it is damaged on the way.
        """
        sound = self.sound
        resampler = self._av.AudioResampler("flt", layout=self._stream.layout, rate=sound.rate)
        waiting: list[NDArray[np.float32]] = []
        heard = count = 0
        packets = self._input.decode(self._stream)
        while True:
            try:
                frame = next(packets, None)
                parts = resampler.resample(frame)
            except (self._av.FFmpegError, ValueError) as error:
                if self._source.tell() < self._size:
                    raise invalid(
                        f"The {self._container} file is damaged {heard / sound.rate:.1f} seconds"
                        f" after its begin: {_words(error)}."
                    ) from None
                frame, parts = None, cast("list[Any]", [])
            for part in parts:
                block = part.to_ndarray().reshape(-1, sound.channels)
                waiting.append(block)
                heard, count = heard + len(block), count + len(block)
            if count >= frames or frame is None:
                if waiting:
                    yield np.concatenate(waiting)
                waiting, count = [], 0
            if frame is None:
                return

    def close(self) -> None:
        """Lets go of it."""
        with suppress(self._av.FFmpegError):
            self._input.close()


def _words(error: Exception) -> str:
    """What FFmpeg says, without the file's name."""
    return str(getattr(error, "strerror", None) or error)
