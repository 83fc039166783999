"""Many requests in a file, answered in the background."""

from __future__ import annotations

from funland.v1 import batches_pb2
from funland_server.batches.lines import Lines
from funland_server.batches.service import BatchService
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.files.domain import Files
from funland_server.inference.domain import Inference
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.responses.domain import Responses
from funland_server.storage.database import Database
from funland_server.tasks.domain import Tasks


class Batches(Domain):
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
        responses: Responses,
        lines: Lines | None,
    ) -> None:
        self._settings = settings

    def services(self) -> list[Service]:
        """Answers `BatchService`."""
        return [(batches_pb2.DESCRIPTOR.services_by_name["BatchService"], BatchService())]
