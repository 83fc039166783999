# Generated from ../asynchronous/images.py by `make client`: edit that one.
"""Pictures out of texts, and out of other pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from funland.v1.images_pb2 import GenerateImagesResponse, ImageEvent
from funland.v1.images_pb2_grpc import ImageServiceStub
from funland_client import media_requests
from funland_client.arguments import PaintingArguments
from funland_client.blocking.connection import Connection
from funland_client.blocking.event_streams import EventStream

Picture = bytes | Path
"""A picture by its content, or the file that has it."""


class Images:
    """Pictures, as `client.images`. An empty `model` is one that paints.

    `image` is a picture to begin with, and `mask` is white, or transparent, where it is painted
    anew.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = ImageServiceStub(connection.channel)

    def paint(
        self,
        prompt: str,
        model: str = "",
        *,
        image: Picture | None = None,
        mask: Picture | None = None,
        **arguments: Unpack[PaintingArguments],
    ) -> GenerateImagesResponse:
        """Paints; returns when all pictures are done."""
        pictures = {"image": _content(image), "mask": _content(mask)}
        request = media_requests.paint(prompt, model, arguments, pictures)
        return self._connection.call(self._stub.GenerateImages, request)

    def stream_paint(
        self,
        prompt: str,
        model: str = "",
        *,
        image: Picture | None = None,
        mask: Picture | None = None,
        **arguments: Unpack[PaintingArguments],
    ) -> EventStream[ImageEvent]:
        """As `paint`, but tells how far each picture is, with so many `previews` or one after each
        `preview_steps`, and gives it when it is done. Leaving its `with` block ends it within a
        step."""
        pictures = {"image": _content(image), "mask": _content(mask)}
        request = media_requests.paint(prompt, model, arguments, pictures)
        return self._connection.stream(self._stub.StreamGenerateImages, request)


def _content(picture: Picture | None) -> bytes:
    if picture is None:
        return b""
    return picture if isinstance(picture, bytes) else picture.read_bytes()
