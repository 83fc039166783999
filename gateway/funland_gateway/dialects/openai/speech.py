"""`/v1/audio/speech`: a text that is spoken, as its sound or as events."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson
from google.api.httpbody_pb2 import HttpBody

from funland.v1 import errors_pb2
from funland.v1.speech_pb2 import (
    ListVoicesRequest,
    ListVoicesResponse,
    SpeechEvent,
    SpeechFinish,
    SynthesizeRequest,
)
from funland_gateway.dialects.dialect import Download, Incoming, Step, Streaming, Unary
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.media_parameters import SPEECH, refusals
from funland_gateway.dialects.openai.parameters import refuse
from funland_gateway.dialects.openai.stand_ins import SPEAKING, named_here
from funland_gateway.dialects.openai.voices import VOICES, standing_for
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.dialects.rpcs import LIST_VOICES, STREAM_SYNTHESIZE

FORMATS: Final[Mapping[str, SynthesizeRequest.Format.ValueType]] = {
    "mp3": SynthesizeRequest.MP3,
    "opus": SynthesizeRequest.OPUS,
    "aac": SynthesizeRequest.AAC,
    "flac": SynthesizeRequest.FLAC,
    "wav": SynthesizeRequest.WAV,
    "pcm": SynthesizeRequest.PCM,
}
STREAM_FORMATS: Final[Mapping[str, bool]] = {"audio": False, "sse": True}
"""Whether events are sent."""
PCM_RATE: Final = 24_000
"""OpenAI's: there is no header to tell another."""

_REFUSALS: Final = refusals(SPEECH)
_FIELDS: Final = {"text": "input", "format": "response_format"}
_BLAMES: Final[Mapping[int, str]] = {
    errors_pb2.TEXT_UNSPEAKABLE: "input",
    errors_pb2.VOICE_NOT_FOUND: "voice",
    errors_pb2.FORMAT_UNAVAILABLE: "response_format",
    errors_pb2.MODEL_KIND_WRONG: "model",
}


def create_speech(incoming: Incoming) -> Step:
    """Reads a request."""
    body = incoming.body
    refuse(body, _REFUSALS)
    request = SynthesizeRequest(
        text=body.string("input"),
        voice=_voice(body),
        format=body.choice("response_format", FORMATS, SynthesizeRequest.MP3),
        speed=body.number("speed"),
    )
    if request.format == SynthesizeRequest.PCM:
        request.sample_rate = PCM_RATE
    as_events = body.choice("stream_format", STREAM_FORMATS, False)

    def with_model(model: str) -> Step:
        request.model = model
        if request.voice not in VOICES:
            return _spoken(request, as_events)
        asked = ListVoicesRequest(model=model)
        return Unary(LIST_VOICES, asked, with_voices, blames=_BLAMES)

    def with_voices(found: ListVoicesResponse) -> Step:
        request.voice = standing_for(request.voice, request.text, found.voices)
        return _spoken(request, as_events)

    return named_here(body.optional_string("model"), SPEAKING, with_model)


def _voice(body: JsonObject) -> str:
    """A name, or an object that has it as its id."""
    if isinstance(body.raw("voice"), Mapping):
        voice = body.object("voice")
        return voice.string("id") if voice is not None else ""
    return body.optional_string("voice")


def _spoken(request: SynthesizeRequest, as_events: bool) -> Step:
    def field_name(path: str) -> str:
        return renamed(path, _FIELDS)

    if as_events:
        return Streaming(
            STREAM_SYNTHESIZE, request, sound_events, field_name, is_last, blames=_BLAMES
        )
    sound = SoundParts()
    return Download(
        STREAM_SYNTHESIZE, request, field_name, _BLAMES, parts=sound.parts, is_last=is_last
    )


def is_last(event: SpeechEvent) -> bool:
    """Whether all is spoken."""
    return event.HasField("finish")


class SoundParts:
    """Makes the parts of a body of the events of one call."""

    def __init__(self) -> None:
        self._media_type = ""

    def parts(self, event: SpeechEvent) -> Iterable[HttpBody]:
        """The parts in an event. None comes before the first sound: until then a call that fails
        still has a status."""
        if event.HasField("start"):
            self._media_type = event.start.media_type
        elif event.HasField("audio") and event.audio:
            yield HttpBody(content_type=self._media_type, data=event.audio)


def sound_events(event: SpeechEvent) -> Iterable[bytes]:
    """OpenAI's events for one of the contract's."""
    match event.WhichOneof("event"):
        case "audio":
            sound = base64.b64encode(event.audio).decode("ascii")
            yield orjson.dumps({"type": "speech.audio.delta", "audio": sound})
        case "finish":
            yield orjson.dumps({"type": "speech.audio.done", "usage": _usage(event.finish)})
        case _:
            pass


def _usage(finish: SpeechFinish) -> dict[str, Any]:
    """Tokens are not what voices count in; OpenAI's clients want the fields."""
    return {
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 0,
        "characters": finish.characters,
        "seconds": finish.duration.ToTimedelta().total_seconds(),
    }
