"""What is known of a recording before it is heard, and how one is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

MOST_CHANNELS: Final = 32
"""How many channels a recording may have."""
LOWEST_RATE: Final = 1_000
"""The lowest sample rate that a recording may have, in hertz."""
HIGHEST_RATE: Final = 384_000
"""The highest."""
LONGEST_SECONDS: Final = 24 * 3600
"""How long a recording may be: a file of few bytes can claim years of silence."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording."""

    container: str
    """How it is written, such as `WAV`."""
    rate: int
    """Its sample rate, in hertz."""
    channels: int
    """How many channels it has; they are heard as one."""
    seconds: float | None = None
    """How long it is. None: that shows at its end."""


def invalid(message: str) -> EngineError:
    """Says that what came can't be read as sound."""
    return EngineError(ErrorReason.AUDIO_INVALID, message)


def check(sound: Sound) -> None:
    """Checks what a recording's header claims.

    Raises:
        EngineError: AUDIO_INVALID.
    """
    if not 1 <= sound.channels <= MOST_CHANNELS:
        raise invalid(
            f"The {sound.container} file claims {sound.channels} channels;"
            f" 1 to {MOST_CHANNELS} are read."
        )
    if not LOWEST_RATE <= sound.rate <= HIGHEST_RATE:
        raise invalid(
            f"The {sound.container} file claims {sound.rate} samples a second;"
            f" {LOWEST_RATE} to {HIGHEST_RATE} are read."
        )
    if sound.seconds is not None and sound.seconds > LONGEST_SECONDS:
        raise too_long(sound)


def too_long(sound: Sound) -> EngineError:
    """Says that a recording goes on for longer than is read."""
    return invalid(
        f"The {sound.container} file sounds for more than {LONGEST_SECONDS // 3600} hours. Cut it."
    )
