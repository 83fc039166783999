"""Reads WAV, also that of which nobody knows the length."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from funland_worker.audio.sound import Sound, check, invalid

_UNKNOWN: Final = (0, 0xFFFFFFFF, 0x7FFFFFFF, 0x7FFFFFFF - 36, 0xFFFFFFFF - 36, 0xFFFFFFFF - 8)
"""What programs write for a length that they don't know."""
_MOST_CHUNKS: Final = 256
_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE


@dataclass(frozen=True, slots=True)
class _Layout:
    """How samples are written."""

    sound: Sound
    frame_bytes: int
    sample_bytes: int
    read: Callable[[bytes], NDArray[np.float32]]
    data_bytes: int | None
    """None: to the file's end."""


class WaveReader:
    """A WAV file of which the header is read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        """Reads the header.

        Raises:
            EngineError: AUDIO_INVALID.
        """
        self._file = file
        self._layout = _layout(file, size)
        self.sound = self._layout.sound

    def blocks(self, frames: int) -> Iterator[NDArray[np.float32]]:
        """The samples, at most so many frames at a time, each float32 of shape [n, channels]. A
        frame that is not whole is left out."""
        layout = self._layout
        left = layout.data_bytes
        while left is None or left >= layout.frame_bytes:
            wanted = frames * layout.frame_bytes
            data = self._file.read(wanted if left is None else min(wanted, left))
            data = data[: len(data) // layout.frame_bytes * layout.frame_bytes]
            if not data:
                return
            if left is not None:
                left -= len(data)
            yield layout.read(data).reshape(-1, layout.sound.channels)

    def close(self) -> None:
        """It holds nothing."""


def _layout(file: BinaryIO, size: int) -> _Layout:
    """What the chunks before the samples say."""
    file.seek(12)
    form = b""
    long_data = 0
    for _ in range(_MOST_CHUNKS):
        header = file.read(8)
        if len(header) < 8:  # noqa: PLR2004 - a chunk's header
            raise invalid("The WAV file ends before its samples begin.")
        name, length = header[:4], int.from_bytes(header[4:], "little")
        match name:
            case b"fmt ":
                form = file.read(min(length, 64))
                file.seek(max(length - 64, 0) + length % 2, 1)
            case b"ds64":
                long_data = int.from_bytes(file.read(28)[8:16], "little")
                file.seek(length - 28 + length % 2, 1)
            case b"data":
                return _of(form, _data_bytes(length, long_data, size - file.tell()))
            case _:
                file.seek(length + length % 2, 1)
        if file.tell() > size:
            raise invalid("The WAV file ends before its samples begin.")
    raise invalid(f"The WAV file has {_MOST_CHUNKS} parts before its samples.")


def _data_bytes(claimed: int, long_data: int, there: int) -> int | None:
    """How many bytes of samples there are. None: what is there, which ended before what was
    claimed, or is all that anybody knows of."""
    claimed = long_data or claimed
    if claimed > there or (claimed in _UNKNOWN and not long_data):
        return None
    return claimed


def _of(form: bytes, data_bytes: int | None) -> _Layout:
    """What the chunk `fmt ` says."""
    if len(form) < 16:  # noqa: PLR2004 - the least that it has
        raise invalid("The WAV file does not say how its samples are written.")
    tag, channels, rate, _, frame_bytes, bits = struct.unpack("<HHIIHH", form[:16])
    if tag == _EXTENSIBLE and len(form) >= 26:  # noqa: PLR2004 - to where the true tag ends
        tag = int.from_bytes(form[24:26], "little")
    read = _READERS.get((tag, bits))
    if read is None:
        raise invalid(
            f"The WAV file's samples are of a kind that is not read: {tag} with {bits} bits."
            " Write it with samples of 16 bits."
        )
    check(Sound("WAV", rate, channels))
    sample_bytes = (bits + 7) // 8
    if frame_bytes != channels * sample_bytes:
        raise invalid(f"The WAV file claims {frame_bytes} bytes for {channels} samples.")
    seconds = None if data_bytes is None else data_bytes // frame_bytes / rate
    sound = Sound("WAV", rate, channels, seconds)
    check(sound)
    return _Layout(sound, frame_bytes, sample_bytes, read, data_bytes)


def _unsigned8(data: bytes) -> NDArray[np.float32]:
    return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)


def _signed16(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, "<i2").astype(np.float32) * np.float32(1 / 32768)


def _signed24(data: bytes) -> NDArray[np.float32]:
    wide = np.zeros((len(data) // 3, 4), np.uint8)
    wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
    return (wide.view("<i4")[:, 0] / 2147483648).astype(np.float32)


def _signed32(data: bytes) -> NDArray[np.float32]:
    return (np.frombuffer(data, "<i4") / 2147483648).astype(np.float32)


def _float32(data: bytes) -> NDArray[np.float32]:
    return np.frombuffer(data, "<f4").astype(np.float32)


def _float64(data: bytes) -> NDArray[np.float32]:
    return np.clip(np.frombuffer(data, "<f8"), -2, 2).astype(np.float32)  # NaN stays NaN


def _alaw(data: bytes) -> NDArray[np.float32]:
    return _ALAW_TABLE[np.frombuffer(data, np.uint8)]


def _ulaw(data: bytes) -> NDArray[np.float32]:
    return _ULAW_TABLE[np.frombuffer(data, np.uint8)]


def _alaw_table() -> NDArray[np.float32]:
    """ITU-T G.711, A-law."""
    code = np.arange(256) ^ 0x55
    exponent, mantissa = code >> 4 & 7, code & 15
    small = (mantissa << 4) + 8
    value = np.where(exponent == 0, small, (small + 256) << np.maximum(exponent - 1, 0))
    return (np.where(code & 0x80, value, -value) / 32768).astype(np.float32)


def _ulaw_table() -> NDArray[np.float32]:
    """ITU-T G.711, mu-law."""
    code = ~np.arange(256) & 0xFF
    value = (((code & 15) << 3) + 132 << (code >> 4 & 7)) - 132
    return (np.where(code & 0x80, -value, value) / 32768).astype(np.float32)


_ALAW_TABLE: Final = _alaw_table()
_ULAW_TABLE: Final = _ulaw_table()
_READERS: Final[dict[tuple[int, int], Callable[[bytes], NDArray[np.float32]]]] = {
    (_PCM, 8): _unsigned8,
    (_PCM, 16): _signed16,
    (_PCM, 24): _signed24,
    (_PCM, 32): _signed32,
    (_FLOAT, 32): _float32,
    (_FLOAT, 64): _float64,
    (_ALAW, 8): _alaw,
    (_ULAW, 8): _ulaw,
}
