"""Speaks with Hibari, a small English voice for ONNX Runtime."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.audio.pitching import stretched
from funland_worker.engines.protocol import EngineError
from funland_worker.speech import english
from funland_worker.speech.voicing import Part, Voice, unspeakable

logger = logging.getLogger(__name__)

MARK: Final = "hibari.onnx"
"""The file by which its folder is known."""
_FASTEST: Final = 1.6
"""Beyond it Hibari grows hardly faster, for its sounds have a shortest length."""


class HibariVoicing:
    """See `Voicing`."""

    engine: LoadSettings.Engine.ValueType = LoadSettings.ONNX_RUNTIME
    device = "CPU"
    # A sentence of this length sounds for some 15 seconds, and takes a fifth of one.
    longest = 240
    voices = (Voice("heart", "en-US", 24000),)

    def __init__(self, folder: Path, lanes: int) -> None:
        """Loads it; `lanes` sentences are computed at once, each by a thread.

        Raises:
            EngineError: The package is not installed, or its files are damaged.
        """
        self.lanes = lanes
        try:
            from hibari import Hibari  # noqa: PLC0415 - only where it speaks
        except ImportError:
            raise EngineError(
                ErrorReason.ENGINE_UNAVAILABLE,
                "The package hibari-tts is not installed. Install Funland with all it requires.",
            ) from None
        try:
            self._hibari: Any = Hibari(model=str(folder / MARK), threads=1)
            self._hibari("Ready.", seed=0)  # all that it reads late
        except Exception as error:
            logger.exception("the voice can't be loaded")
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED, "The voice's files can't be read; install it again."
            ) from error

    def unspeakable(self, text: str, voice: Voice) -> Part | None:
        """See `Voicing`."""
        return english.unspeakable(text)

    def has_words(self, text: str, voice: Voice) -> bool:
        """See `Voicing`."""
        return english.has_words(text)

    def say(self, sentence: str, voice: Voice, speed: float, seed: int) -> NDArray[np.float32]:
        """See `Voicing`."""
        if part := english.unspeakable(sentence):
            raise unspeakable(sentence[part.start : part.end], part.start)
        own = min(speed, _FASTEST)
        try:
            samples = self._hibari(english.readable(sentence), speed=own, seed=seed)
        except Exception:  # its rules for reading are others' Python, and texts are anything
            logger.exception("a sentence can't be said")
            raise unspeakable(sentence, 0) from None
        if not len(samples):
            raise unspeakable(sentence, 0)
        return stretched(np.asarray(samples, np.float32), voice.sample_rate, own / speed)
