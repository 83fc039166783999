"""Reads the files of pictures and sounds that are shown to models in chats.

They are hostile until proven otherwise: they are decoded as those that are painted or heard from,
and what the multimodal library can't be given is refused here.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

LONGEST_SECONDS: Final = 1200
_SHORTEST_PART: Final = 10
"""A sound has at least so many parts of a second: what is shorter is followed by silence."""
_THINNEST: Final = 200
"""How many times as long as the other a side of a picture may be."""


def picture(data: bytes, most_pixels: int, field: str) -> NDArray[np.uint8]:
    """A picture, height x width x 3 of red, green and blue.

    Raises:
        EngineError: IMAGE_INVALID; it names `field`.
    """
    # Imported where it is used: most models of texts are shown no pictures.
    from funland_worker.images.files import opened  # noqa: PLC0415 - for media alone

    pixels = opened(data, most_pixels, field)
    height, width, _ = pixels.shape
    if max(height, width) > _THINNEST * min(height, width):
        raise EngineError(
            ErrorReason.IMAGE_INVALID,
            f"`{field}` can't be used: it is {width}x{height}, and a side may be {_THINNEST} times"
            " as long as the other.",
            field=field,
        )
    return pixels


def sound(data: bytes, rate: int, field: str) -> NDArray[np.float32]:
    """A sound: mono, from -1 to 1, in this sample rate.

    Raises:
        EngineError: AUDIO_INVALID, which names `field`; FORMAT_UNAVAILABLE.
    """
    # Imported where it is used: most models of texts are shown no sounds.
    from funland_worker.audio.decoding import decoded  # noqa: PLC0415 - for media alone

    blocks: list[NDArray[np.float32]] = []
    samples = 0
    try:
        for block in decoded(data, rate):
            blocks.append(block)
            samples += len(block)
            if samples > LONGEST_SECONDS * rate:
                raise EngineError(
                    ErrorReason.AUDIO_INVALID,
                    f"It is longer than {LONGEST_SECONDS} seconds; send a part of it.",
                )
    except EngineError as error:
        error.message = f"`{field}` can't be used: {error.message}"
        error.metadata["field"] = field
        raise
    lacking = max(0, rate // _SHORTEST_PART - samples)
    return np.concatenate([*blocks, np.zeros(lacking, np.float32)])
