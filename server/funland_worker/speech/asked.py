"""What a request asks a voice to say."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.speech_pb2 import SynthesizeRequest
from funland_worker.engines.protocol import EngineError
from funland_worker.speech import ssml
from funland_worker.speech.script import Manner, Passage
from funland_worker.speech.voicing import Voice


def passages(request: SynthesizeRequest, voices: Sequence[Voice]) -> list[Passage]:
    """The passages of its text; `request.voice` is a name among `voices`, or empty for the first.

    Raises:
        EngineError: SSML_INVALID, or there is no such voice.
    """
    manner = Manner(
        _voice(request.voice, voices),
        speed=request.speed if request.HasField("speed") else 1.0,
        pitch=request.pitch if request.HasField("pitch") else 1.0,
    )
    if request.ssml:
        return ssml.passages(request.text, manner, voices)
    return [Passage(request.text, manner)]


def _voice(name: str, voices: Sequence[Voice]) -> Voice:
    for voice in voices:
        if name in ("", voice.name):
            return voice
    raise EngineError(
        ErrorReason.FIELD_INVALID, f"the model has no voice {name[:64]!r}", field="voice"
    )
