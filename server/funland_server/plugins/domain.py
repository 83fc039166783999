"""Programs that do more with models, each in a process of its own."""

from __future__ import annotations

from funland.v1 import plugins_pb2
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.files.domain import Files
from funland_server.inference.domain import Inference
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.plugins.service import PluginService
from funland_server.storage.database import Database
from funland_server.tasks.domain import Tasks


class Plugins(Domain):
    """Those of one database."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        database: Database,
        *,
        tasks: Tasks,
        files: Files,
        inference: Inference,
    ) -> None:
        self._settings = settings

    def services(self) -> list[Service]:
        """Answers `PluginService`."""
        return [(plugins_pb2.DESCRIPTOR.services_by_name["PluginService"], PluginService())]
