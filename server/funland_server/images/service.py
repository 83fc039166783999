"""`funland.v1.ImageService`: the wire on one side, models that paint on the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from funland.v1 import images_pb2
from funland_server.images.painting import Painting


class ImageService:
    """Answers the RPCs of `ImageService`; see `images.proto`."""

    def __init__(self, painting: Painting) -> None:
        self._painting = painting

    async def GenerateImages(
        self, request: images_pb2.GenerateImagesRequest
    ) -> images_pb2.GenerateImagesResponse:
        """See `images.proto`."""
        return await self._painting.paint(request)

    def StreamGenerateImages(
        self, request: images_pb2.GenerateImagesRequest
    ) -> AsyncGenerator[images_pb2.ImageEvent]:
        """See `images.proto`."""
        return self._painting.stream(request)
