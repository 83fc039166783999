"""Tools that paint, speak and hear."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from google.protobuf.message import Message

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.images_pb2 import GenerateImagesResponse, ImageEvent
from funland.v1.speech_pb2 import SynthesizeResponse, Transcript
from funland_gateway.dialects.rpcs import (
    GENERATE_IMAGES,
    LIST_VOICES,
    STREAM_GENERATE_IMAGES,
    SYNTHESIZE,
    TRANSCRIBE,
)
from funland_gateway.failures import failure
from funland_gateway.mcp.fields import Field, fields
from funland_gateway.mcp.tool import (
    LOOKS,
    Content,
    Progress,
    Tool,
    audio_content,
    image_content,
    text_content,
)

_PAINTER: Final = Field(
    "model",
    description="The model's id or alias; list_models tells those of kind IMAGE. Empty: the"
    " default one.",
)


class _Painting:
    """The pictures of one call, as they come."""

    def __init__(self, _: Message) -> None:
        self._made = GenerateImagesResponse()
        self._n = 1
        self._finished = False

    def see(self, event: ImageEvent) -> Progress | None:
        """See `Gathering`."""
        kind = event.WhichOneof("event")
        if kind == "start":
            self._made.model, self._made.steps = event.start.model, event.start.steps
            self._n = event.start.n
        elif kind == "image":
            self._made.images.append(event.image.image)
        elif kind == "finish":
            self._made.timings.CopyFrom(event.finish.timings)
            self._made.guidance_scale = event.finish.guidance_scale
            self._finished = True
        elif kind == "progress":
            at = event.progress
            message = f"step {at.step} of {at.steps}"
            if self._n > 1:
                message = f"picture {at.index + 1} of {self._n}: {message}"
            return Progress(message, at.index * at.steps + at.step, self._n * at.steps)
        return None

    def response(self) -> GenerateImagesResponse:
        """See `Gathering`."""
        if not self._finished:
            raise failure("INTERNAL", ErrorReason.INTERNAL_ERROR, "The answer ended half-way.")
        return self._made


def _pictures(response: GenerateImagesResponse, told: Mapping[str, Any]) -> list[Content]:
    pictures = [image_content(image.data, image.media_type) for image in response.images]
    return [*pictures, text_content(orjson.dumps(told).decode())]


def _sound(response: SynthesizeResponse, told: Mapping[str, Any]) -> list[Content]:
    sound = audio_content(response.audio, response.media_type)
    return [sound, text_content(orjson.dumps(told).decode())]


def _said(response: Transcript, _: Mapping[str, Any]) -> list[Content]:
    return [text_content(response.text)]


MEDIA: Final = (
    Tool(
        "generate_image",
        "Paint pictures",
        "Paints pictures of what a prompt describes, with a model on this machine. The same"
        " arguments with the same seed give the same picture.",
        STREAM_GENERATE_IMAGES,
        (
            *fields("prompt", "negative_prompt"),
            _PAINTER,
            *fields("width", "height", "upscale", "steps", "guidance_scale", "seed", "n"),
            Field(
                "format",
                description="How pictures are written. Default JPEG, the smallest for most.",
            ),
        ),
        (
            *fields("model", "steps", "guidance_scale"),
            Field("images", only=("media_type", "width", "height", "seed")),
            *fields("timings.total_ms"),
        ),
        LOOKS,
        fixed={"format": "JPEG"},
        gathers=_Painting,
        gathered=GENERATE_IMAGES.output_type,
        content=_pictures,
    ),
    Tool(
        "list_voices",
        "List the voices",
        "Lists the voices that can speak texts on this machine.",
        LIST_VOICES,
        fields("language", "model"),
        (
            Field(
                "voices",
                only=("voice_id", "display_name", "language", "gender", "model", "default"),
            ),
        ),
        LOOKS,
    ),
    Tool(
        "synthesize_speech",
        "Speak a text",
        "Speaks a text with a voice on this machine, and gives the sound.",
        SYNTHESIZE,
        (
            *fields("text"),
            Field(
                "voice",
                description="A voice's id from list_voices, or a language such as `en-US`. Empty:"
                " the default voice.",
            ),
            Field("format", description="How the sound is written. Default MP3, the smallest."),
            *fields("speed", "pitch", "ssml"),
        ),
        fields("model", "voice", "media_type", "sample_rate", "duration", "characters"),
        LOOKS,
        fixed={"format": "MP3"},
        content=_sound,
    ),
    Tool(
        "transcribe",
        "Write down what is said",
        "Writes down what is said in a recording, with a model on this machine, or translates it"
        " into English. Give either the recording itself or the id of a file that is kept.",
        TRANSCRIBE,
        (
            Field(
                "audio",
                description="The recording as base64 of a whole file of at most 20 MB: WAV, FLAC,"
                " MP3, or Ogg with Opus or Vorbis. What is longer goes by file_id.",
            ),
            Field(
                "file_id",
                description="The id of a file that was uploaded before, such as by"
                " `POST /v1/files`.",
            ),
            *fields("language", "task", "prompt", "word_timestamps", "model"),
        ),
        (
            *fields("text", "language", "duration", "model"),
            Field(
                "segments",
                only=(
                    "start_seconds",
                    "end_seconds",
                    "text",
                    Field("words", only=("word", "start_seconds", "end_seconds")),
                ),
            ),
        ),
        LOOKS,
        content=_said,
    ),
)
