"""Speaks with voices that read by a lexicon, VITS and Matcha, in sherpa-onnx.

Its functions end the process on much that others raise for. So its files were checked when they
were installed, ONNX Runtime itself has read its networks before, and it is given nothing but words
of its own lexicon.
"""

from __future__ import annotations

import logging
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.protocol import EngineError
from funland_worker.speech.lexicon import english_reading, mandarin_reading, words_of
from funland_worker.speech.sherpa_files import Found, found_in
from funland_worker.speech.voicing import Part, Voice, unspeakable

logger = logging.getLogger(__name__)

_SLOWEST, _FASTEST = 0.25, 4.0


class SherpaVoicing:
    """See `Voicing`."""

    engine: LoadSettings.Engine.ValueType = LoadSettings.ONNX_RUNTIME
    device = "CPU"
    lanes = 1  # all threads compute one sentence
    longest = 120

    def __init__(self, folder: Path, threads: int) -> None:
        """Loads it.

        Raises:
            EngineError: The extra is not installed, or its files are damaged.
        """
        try:
            package: Any = import_module("sherpa_onnx")  # an extra
        except ImportError:
            raise EngineError(
                ErrorReason.ENGINE_UNAVAILABLE,
                "What speaks with this voice is not installed: install `funland[voices]`.",
            ) from None
        found = found_in(folder)
        words = words_of(found.lexicon, found.tokens, tones=found.tones)
        read = mandarin_reading if found.language == "zh-CN" else english_reading
        self._reading = read(words)
        names = [str(number) for number in range(found.speakers)] if found.speakers > 1 else []
        self.voices = tuple(
            Voice(name, found.language, found.sample_rate) for name in names or ["voice"]
        )
        self._numbers = {voice.name: number for number, voice in enumerate(self.voices)}
        self._package = package
        try:
            self._speaker: Any = package.OfflineTts(_config(package, found, threads))
        except Exception as error:  # what its C++ throws has no common class
            logger.exception("the voice can't be loaded")
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED, "The voice's network can't be loaded."
            ) from error

    def unspeakable(self, text: str, voice: Voice) -> Part | None:
        """See `Voicing`."""
        return self._reading.unspeakable(text)

    def has_words(self, text: str, voice: Voice) -> bool:
        """See `Voicing`."""
        return self._reading.has_words(text)

    def say(self, sentence: str, voice: Voice, speed: float, seed: int) -> NDArray[np.float32]:
        """See `Voicing`."""
        del seed  # its chance is within the network
        try:
            written = self._reading.written(sentence)
        except Exception:  # rules for reading are others' Python, and texts are anything
            logger.exception("a sentence can't be read")
            written = None
        if written is None:
            raise unspeakable(sentence, 0)
        wishes = self._package.GenerationConfig()
        wishes.sid = self._numbers[voice.name]
        wishes.speed = min(max(speed, _SLOWEST), _FASTEST)
        wishes.silence_scale = 1.0
        try:
            samples = np.array(self._speaker.generate(written, wishes).samples, np.float32)
        except Exception as error:  # as above
            logger.exception("the voice's network failed")
            raise EngineError(
                ErrorReason.MODEL_OUTPUT_INVALID,
                "The voice's network failed on a sentence: its files are damaged.",
            ) from error
        if not len(samples):
            raise unspeakable(sentence, 0)
        return np.clip(samples, -1, 1)


def _config(package: Any, found: Found, threads: int) -> Any:
    lexicon, tokens = str(found.lexicon), str(found.tokens)
    if found.vocoder is not None:
        matcha = package.OfflineTtsMatchaModelConfig(
            acoustic_model=str(found.network),
            vocoder=str(found.vocoder),
            lexicon=lexicon,
            tokens=tokens,
        )
        model = package.OfflineTtsModelConfig(matcha=matcha, num_threads=threads)
    else:
        vits = package.OfflineTtsVitsModelConfig(
            model=str(found.network), lexicon=lexicon, tokens=tokens
        )
        model = package.OfflineTtsModelConfig(vits=vits, num_threads=threads)
    return package.OfflineTtsConfig(model=model, max_num_sentences=1)
