"""Speaks with Kokoro-82M, in English and Mandarin."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.protocol import EngineError
from funland_worker.speech import english
from funland_worker.speech.kokoro_files import files_of
from funland_worker.speech.mandarin import reading
from funland_worker.speech.network import Network
from funland_worker.speech.phonemes import EnglishPhonemes, cut
from funland_worker.speech.voicing import Part, Voice, unspeakable

logger = logging.getLogger(__name__)

_RATE: Final = 24_000
_LARGEST: Final = 500
"""How many phonemes it says at once; its table of styles has 510 rows."""
_SLOWEST, _FASTEST = 0.25, 4.0


@dataclass(frozen=True, slots=True)
class _Language:
    """How a language's texts become phonemes."""

    tag: str
    unspeakable: Callable[[str], Part | None]
    has_words: Callable[[str], bool]
    phonemes: Callable[[str], str]


class KokoroVoicing:
    """See `Voicing`."""

    engine: LoadSettings.Engine.ValueType = LoadSettings.ONNX_RUNTIME
    device = "CPU"
    lanes = 1  # all threads compute one sentence: it takes about as long as it sounds
    longest = 80

    def __init__(self, folder: Path, threads: int) -> None:
        """Loads it.

        Raises:
            EngineError: Its files are damaged, or what reads Mandarin is not installed.
        """
        files = files_of(folder)
        self._american = EnglishPhonemes(british=False)
        self._british = EnglishPhonemes(british=True)
        self._vocabulary = files.vocabulary
        self._styles = {name: _style(path) for name, path in files.voices.items()}
        languages = {name: self._language(name) for name in self._styles}
        self._languages: Mapping[str, _Language] = languages
        self.voices = tuple(Voice(name, languages[name].tag, _RATE) for name in self._styles)
        self._network = Network(files.network(), threads)

    def unspeakable(self, text: str, voice: Voice) -> Part | None:
        """See `Voicing`."""
        return self._languages[voice.name].unspeakable(text)

    def has_words(self, text: str, voice: Voice) -> bool:
        """See `Voicing`."""
        return self._languages[voice.name].has_words(text)

    def say(self, sentence: str, voice: Voice, speed: float, seed: int) -> NDArray[np.float32]:
        """See `Voicing`."""
        del seed  # it takes no chance
        try:
            said = self._languages[voice.name].phonemes(sentence)
        except Exception:  # rules for reading are others' Python, and texts are anything
            logger.exception("a sentence can't be read")
            raise unspeakable(sentence, 0) from None
        known = "".join(char for char in said if char in self._vocabulary)
        if not known.strip():
            raise unspeakable(sentence, 0)
        style = self._styles[voice.name]
        speed = min(max(speed, _SLOWEST), _FASTEST)
        return np.concatenate([self._computed(part, style, speed) for part in cut(known, _LARGEST)])

    def _computed(self, said: str, style: NDArray[np.float32], speed: float) -> NDArray[np.float32]:
        ids = [self._vocabulary[char] for char in said]
        tokens = np.array([[0, *ids, 0]], np.int64)
        return self._network.sound(
            {
                "tokens": tokens,
                "input_ids": tokens,  # the same in other exports
                "style": style[min(len(ids), len(style)) - 1][None],
                "speed": np.array([speed], np.float32),
            }
        )

    def _language(self, name: str) -> _Language:
        if name.startswith("z"):
            _need_mandarin()
            tell = partial(reading.phonemes, speak_english=self._american)
            return _Language("zh-CN", reading.unspeakable, reading.has_words, tell)
        speak, tag = (self._british, "en-GB") if name.startswith("b") else (self._american, "en-US")
        return _Language(tag, english.unspeakable, english.has_words, speak)


def _need_mandarin() -> None:
    try:
        import pypinyin  # noqa: F401, PLC0415 - an extra  # pyright: ignore[reportUnusedImport]
    except ImportError:
        raise EngineError(
            ErrorReason.ENGINE_UNAVAILABLE,
            "What reads Mandarin is not installed: install `funland[mandarin]`.",
        ) from None


def _style(path: Path) -> NDArray[np.float32]:
    style = np.fromfile(path, "<f4").reshape(-1, 256)
    if not np.isfinite(style).all():
        raise EngineError(
            ErrorReason.MODEL_FILE_INVALID, f"The voice {path.stem} has what is no number."
        )
    return style.astype(np.float32, copy=False)
