"""The files that the exchanges give along: the same bytes each time."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping
from typing import Final

from PIL import Image

_SIDE: Final = 64
_RATE: Final = 16_000


def _picture(mode: str, colour: int | tuple[int, int, int]) -> bytes:
    file = io.BytesIO()
    Image.new(mode, (_SIDE, _SIDE), colour).save(file, "PNG")
    return file.getvalue()


def _silence() -> bytes:
    """A second of it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(_RATE)
        sound.writeframes(bytes(2 * _RATE))
    return file.getvalue()


FILES: Final[Mapping[str, bytes]] = {
    "blue.png": _picture("RGB", (40, 80, 200)),
    "white.png": _picture("L", 255),
    "silence.wav": _silence(),
    "letters.txt": b"no picture, and no sound",
}
