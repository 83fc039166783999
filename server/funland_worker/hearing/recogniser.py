"""What a network that hears can do, whatever computes it: one step each, of several windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Encoded: TypeAlias = Any
"""A window as the network has heard it, in a form that its recogniser alone knows."""


@dataclass(frozen=True, slots=True)
class Options:
    """How windows are decoded that are decoded together."""

    temperature: float = 0.0
    most_tokens: int = 224


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was decoded of a window."""

    tokens: tuple[int, ...]
    """Timestamps included, the end of the text not."""
    average_logprob: float
    no_speech_probability: float


@dataclass(frozen=True, slots=True)
class Aligned:
    """Where the tokens of a text are in a window."""

    pairs: tuple[tuple[int, int], ...]
    """Of the number of a token and of a frame of 20 ms, as time goes by."""
    probabilities: tuple[float, ...]
    """Of each token."""


class Recogniser(Protocol):
    """A network. Its methods block, release the GIL and are called by one thread."""

    @property
    def mels(self) -> int:
        """How many energies a frame of its features has."""
        ...

    @property
    def batch(self) -> int:
        """How many windows are computed together at most."""
        ...

    def encoded_together(self, frames: int) -> int:
        """How many windows of so many frames `encode` is given at most. Nobody who leaves amid it
        is let go, so these are no more than it is faster for."""
        ...

    def encode(self, features: Sequence[NDArray[np.float32]]) -> list[Encoded]:
        """Hears windows of [mels, frames] each, all of as many frames."""
        ...

    def detect(self, windows: Sequence[Encoded]) -> list[tuple[str, float]]:
        """The likeliest language of each, by its code."""
        ...

    def decode(
        self, windows: Sequence[Encoded], prompts: Sequence[Sequence[int]], options: Options
    ) -> list[Decoded]:
        """Writes down what is said; windows and prompts are of one length each."""
        ...

    def align(
        self, window: Encoded, start: Sequence[int], text: Sequence[int], frames: int
    ) -> Aligned:
        """Finds the tokens of a text; `frames` of 10 ms are not padding."""
        ...
