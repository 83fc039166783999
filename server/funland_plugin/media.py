"""Questions of a plugin to voices, recognisers and models that paint, and their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from funland.v1.images_pb2 import GenerateImagesRequest, GenerateImagesResponse, Image
from funland.v1.speech_pb2 import (
    SynthesizeRequest,
    SynthesizeResponse,
    TranscribeRequest,
    Transcript,
)

_JPG: Final = "jpg"
_TRANSLATED: Final = {
    False: TranscribeRequest.TRANSCRIBE,
    True: TranscribeRequest.TRANSLATE,
}


@dataclass(frozen=True, slots=True)
class Sound:
    """A text that was spoken."""

    data: bytes
    format: str
    """How it is written, such as `wav`."""
    media_type: str
    sample_rate: int
    """In hertz."""
    seconds: float
    """How long it sounds."""
    voice: str
    """The voice's id."""
    model: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word that was heard; times are seconds from the recording's beginning."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of what was heard, a sentence mostly; times are as a word's."""

    text: str
    start: float
    end: float
    words: tuple[Word, ...] = ()
    """Empty unless they were asked for."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What was said in a recording."""

    text: str
    language: str
    """Such as `en`."""
    seconds: float
    """How long the recording is."""
    segments: tuple[Segment, ...]
    model: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One that was painted."""

    data: bytes
    format: str
    """How it is written: `png`, `jpg` or `webp`."""
    media_type: str
    width: int
    height: int
    painted_width: int
    """Less than `width` if it was enlarged."""
    painted_height: int
    seed: int
    """The same request with this seed gives the same picture."""
    steps: int
    guidance_scale: float
    model: str


def speech_question(
    text: str,
    *,
    voice: str = "",
    model: str = "",
    format: str = "",  # noqa: A002 - as the contract calls it
    sample_rate: int | None = None,
    speed: float | None = None,
    pitch: float | None = None,
    ssml: bool = False,
    seed: int | None = None,
) -> SynthesizeRequest:
    """A call of the contract. Raises ValueError for a format that there is not."""
    return SynthesizeRequest(
        text=text,
        voice=voice,
        model=model,
        format=SynthesizeRequest.Format.Value(format.upper() or "FORMAT_UNSPECIFIED"),
        sample_rate=sample_rate,
        speed=speed,
        pitch=pitch,
        ssml=ssml,
        seed=seed,
    )


def sound_of(response: SynthesizeResponse) -> Sound:
    """What a voice said."""
    return Sound(
        data=response.audio,
        format=SynthesizeRequest.Format.Name(response.format).lower(),
        media_type=response.media_type,
        sample_rate=response.sample_rate,
        seconds=response.duration.ToTimedelta().total_seconds(),
        voice=response.voice,
        model=response.model,
    )


def hearing_question(
    data: bytes,
    *,
    file_id: str = "",
    model: str = "",
    language: str = "",
    prompt: str = "",
    translate: bool = False,
    words: bool = False,
) -> TranscribeRequest:
    """A call of the contract: of the file, if one is named."""
    request = TranscribeRequest(
        model=model,
        language=language,
        prompt=prompt,
        task=_TRANSLATED[translate],
        word_timestamps=words,
    )
    if file_id:
        request.file_id = file_id
    else:
        request.audio = data
    return request


def heard_of(response: Transcript) -> Heard:
    """What a recogniser heard."""
    return Heard(
        text=response.text,
        language=response.language,
        seconds=response.duration.ToTimedelta().total_seconds(),
        segments=tuple(
            Segment(
                one.text,
                one.start_seconds,
                one.end_seconds,
                tuple(Word(word.word, word.start_seconds, word.end_seconds) for word in one.words),
            )
            for one in response.segments
        ),
        model=response.model,
    )


def picture_question(
    prompt: str,
    *,
    model: str = "",
    negative_prompt: str = "",
    width: int | None = None,
    height: int | None = None,
    steps: int | None = None,
    guidance_scale: float | None = None,
    seed: int | None = None,
    n: int = 1,
    image: bytes = b"",
    mask: bytes = b"",
    strength: float | None = None,
    format: str = "",  # noqa: A002 - as the contract calls it
    upscale: bool = False,
) -> GenerateImagesRequest:
    """A call of the contract. Raises ValueError for a format that there is not."""
    name = "jpeg" if format == _JPG else format
    return GenerateImagesRequest(
        model=model,
        prompt=prompt,
        negative_prompt=negative_prompt,
        width=width,
        height=height,
        steps=steps,
        guidance_scale=guidance_scale,
        seed=seed,
        n=n,
        image=image,
        mask=mask,
        strength=strength,
        format=Image.Format.Value(name.upper() or "FORMAT_UNSPECIFIED"),
        upscale=upscale,
    )


def pictures_of(response: GenerateImagesResponse) -> list[Picture]:
    """What was painted."""
    return [
        Picture(
            data=image.data,
            format=_JPG if image.format == Image.JPEG else Image.Format.Name(image.format).lower(),
            media_type=image.media_type,
            width=image.width,
            height=image.height,
            painted_width=image.painted_width,
            painted_height=image.painted_height,
            seed=image.seed,
            steps=response.steps,
            guidance_scale=response.guidance_scale,
            model=response.model,
        )
        for image in response.images
    ]
