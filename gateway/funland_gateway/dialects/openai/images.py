"""`/v1/images`: pictures out of texts, and out of other pictures."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from funland.v1 import errors_pb2
from funland.v1.images_pb2 import GenerateImagesRequest, Image
from funland_gateway.dialects.dialect import Incoming, KeptForm, Step, Streaming, Unary
from funland_gateway.dialects.form_values import Kind
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.openai.image_answers import (
    EDITING,
    PAINTING_EVENTS,
    ImageEvents,
    Wanted,
    in_json,
    is_last,
    kept_pictures,
)
from funland_gateway.dialects.openai.media_parameters import (
    EDIT,
    GENERATION,
    VARIATION,
    refusals,
)
from funland_gateway.dialects.openai.parameters import Refusals, refuse
from funland_gateway.dialects.openai.stand_ins import PAINTING, named_here
from funland_gateway.dialects.reading import JsonObject, invalid, missing, unsupported
from funland_gateway.dialects.rpcs import GENERATE_IMAGES, STREAM_GENERATE_IMAGES

FORMATS: Final[Mapping[str, Image.Format.ValueType]] = {
    "png": Image.PNG,
    "jpeg": Image.JPEG,
    "webp": Image.WEBP,
}
MOST_PREVIEWS: Final = 3
VARIED: Final = 0.5
"""How much a variation changes its picture, if nobody says."""

_NOT_WRITTEN: Final = ("gif", "svg")
_SIZE: Final = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_LARGEST_SEED: Final = 2**32
_KINDS: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("n", "output_compression", "partial_images", "seed"), "integer"),
    **dict.fromkeys(("steps", "num_inference_steps"), "integer"),
    **dict.fromkeys(("guidance_scale", "strength"), "number"),
    "stream": "boolean",
}
_PURPOSE: Final = "vision"
_NO_PROMPT: Final = " "
"""A variation is of a picture alone, and the contract wants a prompt."""
_FIELDS: Final = {
    "width": "size",
    "height": "size",
    "format": "output_format",
    "quality": "output_compression",
    "image_file_id": "image",
    "image": "image",
    "mask_file_id": "mask",
    "previews": "partial_images",
}
_BLAMES: Final[Mapping[int, str]] = {
    errors_pb2.PROMPT_REFUSED: "prompt",
    errors_pb2.IMAGE_INVALID: "image",
    errors_pb2.MODEL_KIND_WRONG: "model",
}


@dataclass(frozen=True, slots=True)
class _Task:
    """What a route asks for."""

    refusals: Refusals
    events: str
    """What its events are called."""
    strength: float | None = None
    """How much its picture is changed, if nobody says; None: the server's choice."""


_GENERATION: Final = _Task(refusals(GENERATION), PAINTING_EVENTS)
_EDIT: Final = _Task(refusals(EDIT), EDITING)
_VARIATION: Final = _Task(refusals(VARIATION), EDITING, VARIED)


def create_image(incoming: Incoming) -> Step:
    """Asks for pictures out of a text."""
    return _painted(_GENERATION, incoming, incoming.body, incoming.body.string("prompt"))


def edit_image(incoming: Incoming) -> KeptForm:
    """Asks for pictures out of another one and a text."""

    def call(body: JsonObject, files: Mapping[str, Sequence[str]]) -> Step:
        return _painted(_EDIT, incoming, body, body.string("prompt"), files)

    return KeptForm({"image": 1, "mask": 1, "markup": 0}, _KINDS, _PURPOSE, call)


def vary_image(incoming: Incoming) -> KeptForm:
    """Asks for pictures like another one."""

    def call(body: JsonObject, files: Mapping[str, Sequence[str]]) -> Step:
        return _painted(_VARIATION, incoming, body, _NO_PROMPT, files)

    return KeptForm({"image": 1}, _KINDS, _PURPOSE, call)


def _painted(
    task: _Task,
    incoming: Incoming,
    body: JsonObject,
    prompt: str,
    files: Mapping[str, Sequence[str]] | None = None,
) -> Step:
    refuse(body, task.refusals)
    request = _request(body, prompt)
    if files is not None:
        request.image_file_id = next(iter(files.get("image", ())), "")
        request.mask_file_id = next(iter(files.get("mask", ())), "")
        if not request.image_file_id:
            raise missing("image")
        strength = body.number("strength")
        strength = task.strength if strength is None else strength
        if strength is not None:
            request.strength = strength
    wanted, previews = _wanted(incoming, body, request), _previews(body)
    by_url = _by_url(body)
    if by_url and wanted.streamed:
        raise unsupported("response_format", "a stream has the pictures themselves.")
    if wanted.streamed:
        request.previews = previews

    def with_model(model: str) -> Step:
        request.model = model
        if wanted.streamed:
            made = ImageEvents(task.events, wanted)
            return Streaming(
                STREAM_GENERATE_IMAGES, request, made.events, _field_name, is_last, blames=_BLAMES
            )
        answer = partial(kept_pictures if by_url else in_json, wanted)
        return Unary(GENERATE_IMAGES, request, answer, _field_name, _BLAMES)

    return named_here(body.optional_string("model"), PAINTING, with_model)


def _request(body: JsonObject, prompt: str) -> GenerateImagesRequest:
    n = body.integer("n")
    if n is not None and n < 1:
        raise invalid(body.path_of("n"), "must be at least 1")
    seed = body.integer("seed", bits=64)
    width, height = _size(body)
    return GenerateImagesRequest(
        prompt=prompt,
        negative_prompt=body.optional_string("negative_prompt"),
        width=width,
        height=height,
        steps=_steps(body),
        guidance_scale=body.number("guidance_scale"),
        seed=None if seed in (None, -1) else seed % _LARGEST_SEED,
        n=n or 0,
        format=_format(body),
        quality=_quality(body),
        upscale=True,
    )


def _size(body: JsonObject) -> tuple[int | None, int | None]:
    word = body.optional_string("size")
    if word == "auto" or body.raw("size") is None:
        return None, None
    match = _SIZE.fullmatch(word)
    if match is None:
        raise invalid(body.path_of("size"), "must be auto, or as 512x512")
    return int(match[1]), int(match[2])


def _steps(body: JsonObject) -> int | None:
    steps = body.integer("steps")
    return body.integer("num_inference_steps") if steps is None else steps


def _format(body: JsonObject) -> Image.Format.ValueType:
    name = "output_format"
    word = body.optional_string(name)
    if word in _NOT_WRITTEN:
        raise unsupported(body.path_of(name), f"no {word} is written here.")
    return body.choice(name, FORMATS, Image.PNG)


def _quality(body: JsonObject) -> int:
    """The contract has 0 for its own choice, which is what is wanted if nobody says."""
    name = "output_compression"
    quality = body.integer(name)
    if quality is None:
        return 0
    if not 0 <= quality <= 100:  # noqa: PLR2004 - percent
        raise invalid(body.path_of(name), "must be from 0 to 100")
    return max(quality, 1)


def _wanted(incoming: Incoming, body: JsonObject, request: GenerateImagesRequest) -> Wanted:
    return Wanted(
        time=incoming.time,
        origin=incoming.origin,
        output_format=next(word for word, each in FORMATS.items() if each == request.format),
        quality=body.optional_string("quality"),
        streamed=bool(body.boolean("stream")),
    )


def _previews(body: JsonObject) -> int:
    name = "partial_images"
    previews = body.integer(name) or 0
    if not 0 <= previews <= MOST_PREVIEWS:
        raise invalid(body.path_of(name), f"must be from 0 to {MOST_PREVIEWS}")
    return previews


def _by_url(body: JsonObject) -> bool:
    return body.choice("response_format", {"b64_json": False, "url": True}, False)


def _field_name(path: str) -> str:
    return renamed(path, _FIELDS)
