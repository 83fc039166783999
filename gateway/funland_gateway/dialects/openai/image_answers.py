"""Pictures in OpenAI's shapes: JSON, addresses and events."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from funland.v1.files_pb2 import File, UploadFileRequest
from funland.v1.images_pb2 import GenerateImagesResponse, Image, ImageEvent, ImageProgress
from funland_gateway.dialects.dialect import Named, Reply, Sent, Step, json_reply
from funland_gateway.dialects.openai.timings import devices_of
from funland_gateway.dialects.rpcs import UPLOAD_FILE

PAINTING_EVENTS: Final = "image_generation"
EDITING: Final = "image_edit"

KEPT_SECONDS: Final = 3600
"""For how long a picture is found at its address, as at OpenAI."""
_PURPOSE: Final = "vision"
_PART_BYTES: Final = 256 * 1024
_QUALITIES: Final = ("low", "medium", "high", "xhigh", "max")
_NO_TOKENS: Final = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "total_tokens": 0,
}
"""Tokens are not what models that paint count in; OpenAI's clients want the fields."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the answer needs to know of the request."""

    time: int
    """When it came, in seconds since 1970."""
    origin: str
    """Where its client finds the gateway."""
    output_format: str
    quality: str
    """As the request says it; it changes nothing."""
    streamed: bool


def in_json(wanted: Wanted, response: GenerateImagesResponse) -> Reply:
    """The pictures themselves."""
    return _answer(wanted, response, [{"b64_json": _base64(each)} for each in response.images])


def kept_pictures(wanted: Wanted, response: GenerateImagesResponse) -> Step:
    """Keeps the pictures, one after the other; the answer has their addresses."""
    addresses: list[dict[str, str]] = []

    def keep() -> Step:
        place = len(addresses)
        if place == len(response.images):
            return _answer(wanted, response, addresses)
        return Sent(UPLOAD_FILE, _upload(response.images[place], wanted.output_format), kept)

    def kept(file: File) -> Step:
        addresses.append({"url": f"{wanted.origin}/v1/files/{file.file_id}/content"})
        return keep()

    return keep()


def _upload(image: Image, word: str) -> tuple[UploadFileRequest, ...]:
    head = UploadFileRequest(
        name=f"picture-{image.seed}.{word}",
        purpose=_PURPOSE,
        media_type=image.media_type,
        retention_seconds=KEPT_SECONDS,
    )
    places = range(0, len(image.data), _PART_BYTES)
    parts = (UploadFileRequest(data=image.data[at : at + _PART_BYTES]) for at in places)
    return (head, *parts)


def _answer(
    wanted: Wanted, response: GenerateImagesResponse, found: Sequence[dict[str, str]]
) -> Reply:
    data = [{**each, **_about(image)} for each, image in zip(found, response.images, strict=True)]
    told: dict[str, Any] = {
        "created": wanted.time,
        "data": data,
        "background": "opaque",
        "output_format": wanted.output_format,
        "model": response.model,
    }
    if response.images:
        told["size"] = _size(response.images[0])
    if wanted.quality in _QUALITIES:
        told["quality"] = wanted.quality
    return json_reply({**told, **devices_of(response.device_ids)})


def _about(image: Image) -> dict[str, Any]:
    """What OpenAI does not tell of a picture: with its seed it is painted again, and it may have
    been enlarged."""
    told: dict[str, Any] = {"seed": image.seed}
    if (image.painted_width, image.painted_height) not in ((0, 0), (image.width, image.height)):
        told["painted_size"] = f"{image.painted_width}x{image.painted_height}"
    return told


class ImageEvents:
    """Makes OpenAI's events of those of one call."""

    def __init__(self, kind: str, wanted: Wanted) -> None:
        """`kind` is what their names begin with."""
        self._kind = kind
        self._wanted = wanted
        self._told: dict[int, int] = {}
        """How many previews were told, by pictures."""

    def events(self, event: ImageEvent) -> Iterable[Named]:
        """Those for one of the contract's."""
        match event.WhichOneof("event"):
            case "progress":
                yield from self._partial(event.progress)
            case "image":
                image = event.image.image
                yield self._event("completed", image, {**_about(image), "usage": _NO_TOKENS})
            case _:
                pass

    def _partial(self, progress: ImageProgress) -> Iterable[Named]:
        if progress.HasField("preview"):
            told = self._told.get(progress.index, 0)
            self._told[progress.index] = told + 1
            yield self._event("partial_image", progress.preview, {"partial_image_index": told})

    def _event(self, name: str, image: Image, more: dict[str, Any]) -> Named:
        kind = f"{self._kind}.{name}"
        quality = self._wanted.quality
        told = {
            "type": kind,
            "b64_json": _base64(image),
            "created_at": self._wanted.time,
            "size": _size(image),
            "quality": quality if quality in _QUALITIES else "auto",
            "background": "opaque",
            "output_format": self._wanted.output_format,
            **more,
        }
        return Named(kind, orjson.dumps(told))


def is_last(event: ImageEvent) -> bool:
    """Whether all are done."""
    return event.HasField("finish")


def _base64(image: Image) -> str:
    return base64.b64encode(image.data).decode("ascii")


def _size(image: Image) -> str:
    return f"{image.width}x{image.height}"
