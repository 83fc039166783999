"""The part of OpenAI's table that is about sound."""

from __future__ import annotations

from typing import Final

from funland.v1.speech_pb2 import SynthesizeRequest, TranscribeRequest
from funland_gateway.dialects.dialect import JsonSchema, Route
from funland_gateway.dialects.openai.speech import FORMATS, STREAM_FORMATS, create_speech
from funland_gateway.dialects.openai.transcriptions import (
    FORMATS as TRANSCRIPT_FORMATS,
)
from funland_gateway.dialects.openai.transcriptions import (
    GRANULARITIES,
    create_transcription,
    create_translation,
)
from funland_gateway.dialects.rules import field_schema
from funland_gateway.dialects.schemas import (
    BOOLEAN,
    INTEGER,
    NUMBER,
    STRING,
    any_of,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)

_TAG: Final = "openai"
_SPEECH: Final = SynthesizeRequest.DESCRIPTOR.fields_by_name
_HEARD: Final = TranscribeRequest.DESCRIPTOR.fields_by_name
_VOICE: Final = field_schema(_SPEECH["voice"])
_MODEL: Final = described(
    field_schema(_SPEECH["model"]),
    "A model's id or alias. Empty, absent, or one of OpenAI's names: the default one.",
)

_SPEAK: Final = body_with(
    {
        "model": _MODEL,
        "input": described(field_schema(_SPEECH["text"]), "What to say."),
        "voice": described(
            any_of(_VOICE, object_with({"id": _VOICE}, ("id",))),
            "A voice's id, its name or a language. OpenAI's names: the default voice of the text's"
            " language.",
        ),
        "response_format": described(
            one_of_values(*FORMATS), "How the sound is written.", default="mp3"
        ),
        "speed": field_schema(_SPEECH["speed"]),
        "stream_format": described(
            one_of_values(*STREAM_FORMATS), "The sound itself, or events.", default="audio"
        ),
    },
    ("input",),
)

_FILE: Final = {"type": "string", "format": "binary", "description": "The recording."}
_COMMON: Final[dict[str, JsonSchema]] = {
    "file": _FILE,
    "model": _MODEL,
    "prompt": field_schema(_HEARD["prompt"]),
    "temperature": field_schema(_HEARD["temperature"]),
    "response_format": described(
        one_of_values(*TRANSCRIPT_FORMATS), "How the answer is written.", default="json"
    ),
}
_TRANSCRIBE: Final = object_with(
    {
        **_COMMON,
        "language": field_schema(_HEARD["language"]),
        "languages[]": described(array_of(STRING), "Languages that it may be."),
        "keywords[]": described(array_of(STRING), "Names and terms that it has."),
        "timestamp_granularities[]": described(
            array_of(one_of_values(*GRANULARITIES)), "What `verbose_json` tells the times of."
        ),
        "chunking_strategy": described(
            any_of(
                one_of_values("auto"),
                object_with({"type": one_of_values("server_vad")}, ("type",)),
            ),
            "Pauses decide where it is cut.",
        ),
        "stream": described(BOOLEAN, "Whether parts are sent as they are heard."),
    },
    ("file",),
)
_TRANSLATE: Final = object_with(_COMMON, ("file",))

_SEGMENT: Final = object_with(
    {
        "id": INTEGER,
        "seek": INTEGER,
        "start": NUMBER,
        "end": NUMBER,
        "text": STRING,
        "tokens": array_of(INTEGER),
        "temperature": NUMBER,
        "avg_logprob": nullable(NUMBER),
        "compression_ratio": NUMBER,
        "no_speech_prob": nullable(NUMBER),
    }
)
_TRANSCRIPT: Final = object_with(
    {
        "text": STRING,
        "languages": array_of(object_with({"code": STRING}, ("code",))),
        "usage": object_with({"type": one_of_values("duration"), "seconds": NUMBER}),
        "task": STRING,
        "language": STRING,
        "duration": NUMBER,
        "segments": array_of(_SEGMENT),
        "words": array_of(object_with({"word": STRING, "start": NUMBER, "end": NUMBER})),
    },
    ("text", "usage"),
)

AUDIO_ROUTES: Final = (
    Route(
        "POST",
        "/v1/audio/speech",
        create_speech,
        "Speaks a text.",
        _TAG,
        _SPEAK,
        streams=True,
        binary=True,
    ),
    Route(
        "POST",
        "/v1/audio/transcriptions",
        create_transcription,
        "Writes down what is said in a recording.",
        _TAG,
        _TRANSCRIBE,
        _TRANSCRIPT,
        streams=True,
        form=True,
    ),
    Route(
        "POST",
        "/v1/audio/translations",
        create_translation,
        "Writes down in English what is said in a recording.",
        _TAG,
        _TRANSLATE,
        _TRANSCRIPT,
        form=True,
    ),
)
