"""A text as it is spoken, sentence by sentence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from funland.v1.speech_pb2 import SynthesizeRequest
from funland_worker.audio.pitching import shifted
from funland_worker.engines.protocol import EngineError
from funland_worker.speech.asked import passages
from funland_worker.speech.recording import Recording
from funland_worker.speech.script import Utterance, check, utterances
from funland_worker.speech.sound import silence, trimmed
from funland_worker.speech.voicing import Voice, Voicing


@dataclass(frozen=True, slots=True)
class Spoken:
    """What came of a sentence."""

    data: bytes
    """The next bytes of the sound; a format may keep some back."""
    characters: int
    """How many of the text are spoken by now."""
    microseconds: int
    """How long that sounds."""


class Speaking:
    """One request. Its methods block: they compute, and are called one after another."""

    def __init__(self, request: SynthesizeRequest, voicing: Voicing) -> None:
        """Sees that all can be said before anything is.

        Raises:
            EngineError: TEXT_UNSPEAKABLE, SSML_INVALID, FORMAT_UNAVAILABLE, FIELD_INVALID.
        """
        self._voicing = voicing
        self._seed = request.seed
        said = passages(request, voicing.voices)
        check(said, voicing)
        self.voice: Voice = said[0].manner.voice
        self.characters = sum(len(passage.text) for passage in said)
        """How many are to be spoken."""
        self.recording = Recording(request.format, request.sample_rate or self.voice.sample_rate)
        self._utterances = utterances(said, voicing)
        self._goes_on = False

    def next(self) -> Spoken | None:
        """The next sentence; None: all are spoken.

        Raises:
            EngineError: TEXT_UNSPEAKABLE: what looked sayable is not.
        """
        utterance = next(self._utterances, None)
        if utterance is None:
            return None
        rate = utterance.manner.voice.sample_rate
        data = b"" if utterance.silent else self.recording.write(self._said(utterance), rate)
        for block in silence(utterance.pause, rate):
            data += self.recording.write(block, rate)
        if not utterance.silent:
            self._goes_on = utterance.goes_on
        return Spoken(data, utterance.characters, self.recording.microseconds)

    def _said(self, utterance: Utterance) -> NDArray[np.float32]:
        manner = utterance.manner
        rate = manner.voice.sample_rate
        try:
            samples = self._voicing.say(utterance.text, manner.voice, manner.speed, self._seed)
        except EngineError as error:
            if "text" in error.metadata:
                begins = utterance.characters - len(utterance.text)
                error.metadata["position"] = str(begins + int(error.metadata.get("position", 0)))
            raise
        samples = trimmed(samples, rate, start=self._goes_on, end=utterance.goes_on)
        if manner.pitch != 1:
            samples = shifted(samples, rate, manner.pitch)
        return samples * np.float32(manner.gain) if manner.gain != 1 else samples
