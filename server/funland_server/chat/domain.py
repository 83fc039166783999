"""Conversations that are kept."""

from __future__ import annotations

from funland.v1 import sessions_pb2
from funland_server.chat.service import SessionService
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.inference.domain import Inference
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.storage.database import Database


class Chat(Domain):
    """Those of one database."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        metrics: Metrics,
        database: Database,
        models: Models,
        inference: Inference,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._database = database
        self._models = models
        self._inference = inference

    def services(self) -> list[Service]:
        """Answers `SessionService`."""
        return [(sessions_pb2.DESCRIPTOR.services_by_name["SessionService"], SessionService())]
