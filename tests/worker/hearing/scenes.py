"""Sounds to listen to: sentences that hibari says, with something else between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

RATE = 16_000
SENTENCES = (
    "The train leaves the station at nine in the morning.",
    "She bought three apples and a loaf of bread.",
    "They waited for two hours, but nobody came.",
    "No, thank you.",
    "Could you tell me how to get to the library?",
    "It was the best day of the whole summer.",
)

Sound = NDArray[np.float32]


@cache
def _voice() -> Any:
    from hibari import Hibari  # noqa: PLC0415 - slow; only those that listen need it

    return Hibari(threads=1)


@cache
def spoken(text: str) -> Sound:
    """The text as it is said, 16 kHz, without what is silent before and after."""
    said: Any = soxr.resample(np.asarray(_voice()(text, seed=0), np.float32), 24_000, RATE)
    loud = np.flatnonzero(np.abs(said) > 0.006)
    return said[loud[0] : loud[-1] + 1].astype(np.float32)


def silence(seconds: float) -> Sound:
    """Nothing at all."""
    return np.zeros(round(seconds * RATE), np.float32)


@dataclass(frozen=True)
class Scene:
    """A sound, and where in it somebody speaks."""

    sound: Sound
    speech: tuple[tuple[int, int], ...]
    """The first sample and the one after the last, of each sentence."""


def scene(between: str = "silence", seed: int = 0) -> Scene:
    """All sentences with pauses of a second to three."""
    chance = np.random.default_rng(seed)
    parts: list[Sound] = []
    speech: list[tuple[int, int]] = []
    at = 0
    for text in SENTENCES:
        pause = silence(chance.uniform(1, 3))
        said = spoken(text)
        speech.append((at + len(pause), at + len(pause) + len(said)))
        parts += [pause, said]
        at += len(pause) + len(said)
    sound = np.concatenate([*parts, silence(1.5)])
    talks = np.zeros(len(sound), bool)
    for first, after in speech:
        talks[first:after] = True
    match between:
        case "quiet":
            sound = sound * 10 ** (-25 / 20)
        case "noise":
            sound = sound + 10 ** (-35 / 20) * chance.standard_normal(len(sound))
        case "hum":
            at_seconds = np.arange(len(sound)) / RATE
            sound = sound + 0.03 * np.sin(2 * np.pi * 50 * at_seconds)
        case "tones":
            sound = np.where(talks, sound, tones(len(sound), chance))
        case _:
            pass
    return Scene(sound.astype(np.float32), tuple(speech))


def tones(samples: int, chance: np.random.Generator) -> NDArray[np.float64]:
    """Chords that are struck and fade, at -30 dB."""
    sound = np.zeros(samples)
    length = round(0.4 * RATE)
    for begin in range(0, samples, length):
        seconds = np.arange(min(length, samples - begin)) / RATE
        root = 220 * 2 ** (chance.integers(0, 13) / 12)
        for ratio in (1, 1.26, 1.5, 2):
            for harmonic in (1, 2, 3):
                sound[begin : begin + length] += (
                    np.sin(2 * np.pi * root * ratio * harmonic * seconds) / harmonic
                ) * np.exp(-3 * seconds)
    return sound / np.sqrt(np.mean(sound**2)) * 10 ** (-30 / 20)


def cut(sound: Sound, sizes: list[int]) -> list[Sound]:
    """The sound in pieces of those sizes, over and over."""
    pieces: list[Sound] = []
    at = number = 0
    while at < len(sound):
        pieces.append(sound[at : at + sizes[number % len(sizes)]])
        at += sizes[number % len(sizes)]
        number += 1
    return pieces
