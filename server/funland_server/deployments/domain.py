"""Models that stay in memory under a name."""

from __future__ import annotations

from funland.v1 import deployments_pb2
from funland_server.config import ServerSettings
from funland_server.deployments.service import DeploymentService
from funland_server.domain import Domain, Service
from funland_server.downloads.domain import Downloads
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.storage.database import Database


class Deployments(Domain):
    """Those of one database."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        database: Database,
        models: Models,
        downloads: Downloads,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._database = database
        self._models = models
        self._downloads = downloads

    def services(self) -> list[Service]:
        """Answers `DeploymentService`."""
        descriptor = deployments_pb2.DESCRIPTOR.services_by_name["DeploymentService"]
        return [(descriptor, DeploymentService())]
