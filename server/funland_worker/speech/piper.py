"""Speaks with voices of Piper.

Their phonemes are made by the rules that Hibari brings, in the place of espeak-ng's; a voice that
was trained on letters needs none.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.protocol import EngineError
from funland_worker.speech import english
from funland_worker.speech.network import Network
from funland_worker.speech.phonemes import EnglishPhonemes, cut
from funland_worker.speech.piper_files import Described, described
from funland_worker.speech.voicing import Part, Voice, unspeakable

logger = logging.getLogger(__name__)

_LARGEST: Final = 500
"""How many phonemes it says at once."""
_SLOWEST, _FASTEST = 0.25, 4.0
_BITE: Final = 64
_ESPEAK: Final = str.maketrans(
    {
        "A": "eɪ",
        "I": "aɪ",
        "O": "oʊ",
        "W": "aʊ",
        "Y": "ɔɪ",
        "Q": "əʊ",
        "ʤ": "dʒ",
        "ʧ": "tʃ",
        "ᵊ": "ə",
        "T": "ɾ",
        "—": ",",
        "…": ".",
        "“": "",
        "”": "",
    }
)
"""What Hibari writes as one letter, in espeak-ng's."""


class PiperVoicing:
    """See `Voicing`."""

    engine: LoadSettings.Engine.ValueType = LoadSettings.ONNX_RUNTIME
    device = "CPU"
    longest = 240

    def __init__(self, description: Path, lanes: int) -> None:
        """Loads it; `lanes` sentences are computed at once, each by a thread.

        Raises:
            EngineError: Its files are damaged, or nothing here reads its language.
        """
        self.lanes = lanes
        self._told = told = described(description)
        if not told.spelled and not told.language.startswith("en"):
            raise EngineError(
                ErrorReason.ENGINE_UNSUPPORTED,
                f"The voice speaks {told.language} by espeak-ng's phonemes, which Funland has for"
                " English alone.",
                engine="onnxruntime",
                feature=told.language,
            )
        self._read = EnglishPhonemes(british=told.language == "en-GB")
        self.voices = tuple(Voice(name, told.language, told.sample_rate) for name in told.speakers)
        self._network = Network(str(told.network), 1)

    def unspeakable(self, text: str, voice: Voice) -> Part | None:
        """See `Voicing`."""
        return _unspelled(text, self._told) if self._told.spelled else english.unspeakable(text)

    def has_words(self, text: str, voice: Voice) -> bool:
        """See `Voicing`."""
        if self._told.spelled:
            return any(char.isalpha() for char in text)
        return english.has_words(text)

    def say(self, sentence: str, voice: Voice, speed: float, seed: int) -> NDArray[np.float32]:
        """See `Voicing`."""
        del seed  # its chance is within the network
        try:
            said = self.phonemes(sentence)
        except Exception:  # rules for reading are others' Python, and texts are anything
            logger.exception("a sentence can't be read")
            raise unspeakable(sentence, 0) from None
        known = "".join(char for char in said if char in self._told.ids)
        if not any(char.isalpha() for char in known):
            raise unspeakable(sentence, 0)
        length = self._told.length / min(max(speed, _SLOWEST), _FASTEST)
        number = self._told.speakers[voice.name]
        sounds = [self._computed(part, number, length) for part in cut(known, _LARGEST)]
        return np.clip(np.concatenate(sounds), -1, 1)

    def phonemes(self, sentence: str) -> str:
        """Those of a sayable sentence, as the voice was trained with them."""
        if self._told.spelled:
            return _letters(sentence)
        return self._read(sentence).translate(_ESPEAK)

    def _computed(self, said: str, speaker: int, length: float) -> NDArray[np.float32]:
        ids = np.array([list(_numbers(said, self._told))], np.int64)
        return self._network.sound(
            {
                "input": ids,
                "input_lengths": np.array([ids.shape[1]], np.int64),
                "scales": np.array([self._told.noise, length, self._told.rhythm], np.float32),
                "sid": np.array([speaker], np.int64),
            }
        )


def _numbers(said: str, told: Described) -> Iterator[int]:
    between = told.ids.get("_", ())
    yield from told.ids.get("^", ())
    yield from between
    for char in said:
        yield from told.ids[char]
        yield from between
    yield from told.ids.get("$", ())


def _letters(text: str) -> str:
    return unicodedata.normalize("NFD", text.lower())


def _unspelled(text: str, told: Described) -> Part | None:
    """The first part with letters or digits that a voice of letters was not trained on."""
    bad = {
        char
        for char in set(text)
        if char.isalnum() and any(one not in told.ids for one in _letters(char))
    }
    if not bad:
        return None
    start = end = min(text.index(char) for char in bad)
    while end < len(text) and end - start < _BITE and text[end] in bad:
        end += 1
    return Part(start, end)
