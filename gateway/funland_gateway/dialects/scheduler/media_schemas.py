"""JSON Schemas of the `scheduler` dialect's bodies about speech and pictures."""

from __future__ import annotations

from typing import Final

from funland.v1.images_pb2 import GenerateImagesRequest
from funland.v1.speech_pb2 import SynthesizeRequest
from funland_gateway.dialects.dialect import JsonSchema
from funland_gateway.dialects.rules import field_schema
from funland_gateway.dialects.scheduler import pictures, speech
from funland_gateway.dialects.scheduler.answers import done_schema
from funland_gateway.dialects.scheduler.parameters import schemas, words_of
from funland_gateway.dialects.scheduler.schemas import FAILURE, SHORT
from funland_gateway.dialects.schemas import (
    INTEGER,
    NUMBER,
    STRING,
    array_of,
    body_with,
    described,
    nullable,
    object_with,
    one_of_values,
)
from funland_gateway.dialects.states import STATE_WORDS

_SPEAKS: Final = SynthesizeRequest.DESCRIPTOR.fields_by_name
_PAINTS: Final = GenerateImagesRequest.DESCRIPTOR.fields_by_name

_SPEECH_PARAMETERS: Final = body_with(schemas(SynthesizeRequest.DESCRIPTOR, speech.PARAMETERS))
_IMAGE_PARAMETERS: Final = schemas(GenerateImagesRequest.DESCRIPTOR, pictures.PARAMETERS)

_TEXT: Final = {
    "text": field_schema(_SPEAKS["text"]),
    "voice": described(
        field_schema(_SPEAKS["voice"]), "A voice's id or name, or a language. Empty: the default."
    ),
    "model": field_schema(_SPEAKS["model"]),
    "parameters": _SPEECH_PARAMETERS,
}

SPEECH_REQUEST: Final = body_with(_TEXT, ("text",))

SPEECH_BATCH_REQUEST: Final = body_with(
    {
        "items": {
            "type": "array", "minItems": 1, "maxItems": 256, "items": body_with(_TEXT, ("text",)),
        },
        "model": _TEXT["model"],
        "parameters": described(_SPEECH_PARAMETERS, "Of all items that have none of their own."),
    },
    ("items",),
)  # fmt: skip

_FORMATS: Final = one_of_values(*words_of(speech.FORMATS))

_AUDIO: Final = {
    "audio_base64": described(
        nullable(STRING), "Null: the answer has no room for it; fetch `audio_url`."
    ),
    "format": _FORMATS,
    "sample_rate": described(INTEGER, "Hertz."),
    "duration_ms": INTEGER,
    "voice": described(STRING, "As it was asked for, or else the id of who spoke."),
    "voice_id": described(STRING, "The id of who spoke."),
    "model": STRING,
    "execution_time_ms": described(INTEGER, "What was computed, without what it waited before."),
}

SPOKEN: Final = done_schema(object_with(_AUDIO))

BATCH_SUBMITTED: Final = done_schema(object_with({**SHORT, "item_count": INTEGER}), begins=True)

IMAGE_REQUEST: Final = body_with(
    {
        "prompt": field_schema(_PAINTS["prompt"]),
        "negative_prompt": field_schema(_PAINTS["negative_prompt"]),
        "parameters": body_with(
            {**_IMAGE_PARAMETERS, "upscale": {**_IMAGE_PARAMETERS["upscale"], "default": True}}
        ),
    },
    ("prompt",),
)

IMAGE_SUBMITTED: Final = done_schema(
    object_with(
        {
            **SHORT,
            "estimated_time_ms": described(
                nullable(INTEGER), "By what the last ones took. Null: none was painted lately."
            ),
        }
    ),
    begins=True,
)

_SIZE: Final[JsonSchema] = described(INTEGER, "In pixels.")
_IMAGE: Final = object_with(
    {
        "format": one_of_values(*words_of(pictures.FORMATS)),
        pictures.BASE64: described(nullable(STRING), "With `format=base64`."),
        pictures.URL: described(STRING, "Where it can be fetched."),
        "width": _SIZE,
        "height": _SIZE,
        "painted_width": described(_SIZE, "Less than `width` if it was enlarged."),
        "painted_height": _SIZE,
        "seed": INTEGER,
    }
)

PAINTED: Final = done_schema(
    object_with(
        {
            "task_id": STRING,
            "status": one_of_values(*STATE_WORDS),
            "progress": described(nullable(INTEGER), "From 0 to 100, of one that is not done."),
            "image": nullable(_IMAGE),
            "images": array_of(_IMAGE),
            "model": STRING,
            "steps": INTEGER,
            "guidance_scale": NUMBER,
            "execution_time_ms": INTEGER,
            "error": FAILURE,
        }
    )
)
