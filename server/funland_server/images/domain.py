"""Pictures out of texts, and out of other pictures."""

from __future__ import annotations

from funland.v1 import images_pb2
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.files.domain import Files
from funland_server.images.painting import Painting
from funland_server.images.service import ImageService
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models


class Images(Domain):
    """What other domains use of it is there once it is started."""

    service: ImageService
    painting: Painting
    """What has pictures painted."""

    def __init__(
        self, settings: Live[ServerSettings], metrics: Metrics, *, models: Models, files: Files
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._models = models
        self._files = files

    async def start(self) -> None:
        """Has nothing to read."""
        self.painting = Painting(self._settings, self._metrics, self._models, self._files)
        self.service = ImageService(self.painting)

    def services(self) -> list[Service]:
        """Answers `ImageService`."""
        return [(images_pb2.DESCRIPTOR.services_by_name["ImageService"], self.service)]
