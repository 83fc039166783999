"""Work that nobody waits for, in one durable queue."""

from __future__ import annotations

from funland.v1 import tasks_pb2
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.downloads.domain import Downloads
from funland_server.files.domain import Files
from funland_server.inference.domain import Inference
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.storage.database import Database
from funland_server.tasks.service import TaskService
from funland_server.web.fetching import Web


class Tasks(Domain):
    """Those of one database."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        database: Database,
        *,
        files: Files,
        models: Models,
        inference: Inference,
        downloads: Downloads,
        web: Web,
    ) -> None:
        self._settings = settings

    def services(self) -> list[Service]:
        """Answers `TaskService`."""
        return [(tasks_pb2.DESCRIPTOR.services_by_name["TaskService"], TaskService())]
