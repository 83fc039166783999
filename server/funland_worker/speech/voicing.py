"""What a model is that speaks, a sentence at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.protocol import EngineError

_TOLD: Final = 64
"""How many characters of a part that can't be said are told."""


@dataclass(frozen=True, slots=True)
class Voice:
    """Who speaks, within a model."""

    name: str
    language: str
    """As BCP 47 has it, such as `en-US`."""
    sample_rate: int
    """In hertz."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a text, in characters from its beginning."""

    start: int
    end: int


class Voicing(Protocol):
    """A loaded model that speaks.

    Its methods are called by several threads at once, but for `say`, which at most `lanes` threads
    are in. Whatever a caller may write comes to them: they refuse, and neither crash nor hang.
    """

    @property
    def voices(self) -> tuple[Voice, ...]:
        """Who speaks; the first is the default."""
        ...

    @property
    def engine(self) -> LoadSettings.Engine.ValueType:
        """What computes."""
        ...

    @property
    def device(self) -> str:
        """Where, by the engine's name."""
        ...

    @property
    def lanes(self) -> int:
        """How many sentences it computes at once; 1 if the library bears no more."""
        ...

    @property
    def longest(self) -> int:
        """How many characters a sentence may have: what is longer is split at its clauses, so that
        a job that is cancelled ends soon."""
        ...

    def unspeakable(self, text: str, voice: Voice) -> Part | None:
        """The first part of a text, of any length, that the voice can't say; None: it can say all.
        It is asked for the whole text before the first sound, and so looks at characters rather
        than at words."""
        ...

    def has_words(self, text: str, voice: Voice) -> bool:
        """Whether there is anything to say in a text that has no unspeakable part: marks alone are
        a pause."""
        ...

    def say(self, sentence: str, voice: Voice, speed: float, seed: int) -> NDArray[np.float32]:
        """The samples of a sentence, of shape [n], from -1 to 1; never none.

        Raises:
            EngineError: TEXT_UNSPEAKABLE, with the part as `text`; `position` is added by who asks.
        """
        ...


def unspeakable(text: str, position: int, why: str = "") -> EngineError:
    """The failure for a part of a text that begins at `position`."""
    part = text[:_TOLD]
    return EngineError(
        ErrorReason.TEXT_UNSPEAKABLE,
        why
        or f"The voice can't say {part!r}, at character {position} of the text. Take a voice"
        " of its language, or leave it out.",
        text=part,
        position=str(position),
    )
