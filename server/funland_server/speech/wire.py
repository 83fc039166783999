"""Speech as callers see it."""

from __future__ import annotations

from funland.v1 import speech_pb2
from funland_server.speech.choosing import Speaker


def voice_to_wire(speaker: Speaker, *, default: bool) -> speech_pb2.Voice:
    """A voice."""
    voice = speaker.voice
    return speech_pb2.Voice(
        voice_id=speaker.voice_id,
        model=speaker.model.model_id,
        display_name=voice.display_name,
        language=voice.language,
        gender=voice.gender,
        sample_rate=voice.sample_rate,
        license=voice.license,
        origin=voice.origin,
        default=default,
        repeatable=voice.repeatable,
    )


def answer(
    start: speech_pb2.SpeechStart, finish: speech_pb2.SpeechFinish, audio: bytes = b""
) -> speech_pb2.SynthesizeResponse:
    """What `Synthesize` answers."""
    return speech_pb2.SynthesizeResponse(
        model=start.model,
        voice=start.voice,
        audio=audio,
        format=start.format,
        media_type=start.media_type,
        sample_rate=start.sample_rate,
        duration=finish.duration,
        characters=finish.characters,
        timings=finish.timings,
        device_ids=start.device_ids,
    )
