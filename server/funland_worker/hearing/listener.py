"""What hears a stretch of sound and writes down what is said, whatever computes it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from funland.v1.models_pb2 import LoadSettings
from funland_worker.hearing.languages import Language

WINDOW_SECONDS: Final = 30.0
"""The longest stretch that is heard at once."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How to hear."""

    language: Language | None = None
    """None: it is found."""
    translate: bool = False
    """Whether to write in English what is said in another language."""
    prompt: str = ""
    words: bool = False
    """Whether each word gets its times."""
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Word:
    """A word, without the spaces around it; times in seconds."""

    text: str
    start: float
    end: float
    probability: float | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of what was said; times in seconds from where the stretch began."""

    start: float
    end: float
    text: str
    tokens: tuple[int, ...] = ()
    words: tuple[Word, ...] = ()
    average_logprob: float | None = None
    no_speech_probability: float | None = None
    compression_ratio: float = 0.0
    temperature: float = 0.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a stretch of sound."""

    segments: tuple[Segment, ...] = field(default=())
    language: Language | None = None
    """That which is spoken; None: nobody speaks, so it was not looked for."""
    language_probability: float | None = None
    """How likely it is that language, if it was found."""
    seconds: float = 0.0
    """How much of the stretch it covers; more than nothing. What is behind that is to be heard
    again, with what follows it."""


class Listener(Protocol):
    """A loaded recogniser. Its methods may be called by several jobs at once; when the caller is
    cancelled, they come back when nothing of theirs is computed any more."""

    @property
    def engine(self) -> LoadSettings.Engine.ValueType:
        """What computes."""
        ...

    @property
    def device(self) -> str:
        """Where, by the engine's name."""
        ...

    @property
    def threads(self) -> int:
        """How many threads compute."""
        ...

    @property
    def slots(self) -> int:
        """How many stretches are heard at once."""
        ...

    @property
    def languages(self) -> Collection[str]:
        """Whisper's codes of those that it knows; of several it can find which is spoken."""
        ...

    @property
    def translates(self) -> bool:
        """Whether it can write in English what is said in another language."""
        ...

    @property
    def step_ms(self) -> float:
        """For how long the native code that runs now has not come back; 0: none runs."""
        ...

    async def hear(self, samples: NDArray[np.float32], manner: Manner, *, last: bool) -> Heard:
        """Hears at most `WINDOW_SECONDS` of one channel at 16 kHz; `last` if nothing follows.

        Raises:
            EngineError: It can't be done.
        """
        ...
