"""Reads FLAC, MP3 and Ogg by libsndfile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from funland_worker.audio.sound import Sound, check, invalid

_READ_FRAMES: Final = 4096
_UNKNOWN_FRAMES: Final = 1 << 62
"""More than that says a file whose header has no length."""


class _Forward(soundfile.SoundFile):
    """A file that is read from its begin to its end. The package goes to where it is after each
    read, which fails in a FLAC file of unknown length."""

    def seekable(self) -> bool:
        """Whether the package may go elsewhere in it."""
        return False


class SoundFileReader:
    """A file of which the header is read."""

    def __init__(self, file: BinaryIO, size: int, container: str) -> None:
        """Reads the header.

        Raises:
            EngineError: AUDIO_INVALID.
        """
        self._source = file
        self._size = size
        self._container = container
        try:
            self._file: Any = _Forward(file)
        except soundfile.SoundFileError as error:
            raise invalid(f"The {container} file is damaged: {_words(error)}") from None
        frames, rate = self._file.frames, self._file.samplerate
        known = 0 < frames < _UNKNOWN_FRAMES and rate > 0
        self.sound = Sound(container, rate, self._file.channels, frames / rate if known else None)
        check(self.sound)

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples, at most so many frames at a time, each float32 of shape [n, channels]. A
        file that ends early ends there.

        Raises:
            EngineError: AUDIO_INVALID: it is damaged on the way.
        """
        heard = 0
        while True:
            parts, ended = self._parts(frames, heard)
            heard += sum(map(len, parts))
            if parts:
                yield np.concatenate(parts)
            if ended:
                return

    def close(self) -> None:
        """Lets go of it."""
        self._file.close()

    def _parts(self, frames: int, heard: int) -> tuple[list[NDArray[np.float32]], bool]:
        """The next samples, and whether they are the last: a read that fails gives none of its
        own, so each is short."""
        parts: list[NDArray[np.float32]] = []
        count = 0
        while count < frames:
            try:
                part = self._file.read(
                    min(_READ_FRAMES, frames - count), dtype="float32", always_2d=True
                )
            except soundfile.SoundFileError as error:
                if self._source.tell() >= self._size:
                    return parts, True
                seconds = (heard + count) / self.sound.rate
                raise invalid(
                    f"The {self._container} file is damaged {seconds:.1f} seconds after its"
                    f" begin: {_words(error)}"
                ) from None
            if not len(part):
                return parts, True
            parts.append(part)
            count += len(part)
        return parts, False


def _words(error: Exception) -> str:
    """What libsndfile says, without what the package puts before it, which may name a file."""
    return str(getattr(error, "error_string", error))
