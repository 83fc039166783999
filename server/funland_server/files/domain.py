"""Files that the server keeps."""

from __future__ import annotations

from funland.v1 import files_pb2
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.files.service import FileService
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.storage.database import Database


class Files(Domain):
    """Those of one database."""

    def __init__(
        self, settings: Live[ServerSettings], metrics: Metrics, database: Database
    ) -> None:
        self._settings = settings

    def services(self) -> list[Service]:
        """Answers `FileService`."""
        return [(files_pb2.DESCRIPTOR.services_by_name["FileService"], FileService())]
