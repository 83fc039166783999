"""The server itself."""

from __future__ import annotations

from collections.abc import Callable

from funland.v1 import system_pb2
from funland_server.domain import Domain, Service
from funland_server.metrics import Metrics
from funland_server.models.domain import Models
from funland_server.system.service import SystemService


class System(Domain):
    """What it tells comes from the others."""

    def __init__(
        self,
        models: Models,
        metrics: Metrics,
        *,
        active_calls: Callable[[], int],
        stopping: Callable[[], bool],
    ) -> None:
        self._models = models
        self._metrics = metrics
        self._active_calls = active_calls
        self._stopping = stopping

    def services(self) -> list[Service]:
        """Answers `SystemService`."""
        service = SystemService(
            self._models.catalog,
            self._models.pool,
            self._metrics,
            active_calls=self._active_calls,
            stopping=self._stopping,
        )
        return [(system_pb2.DESCRIPTOR.services_by_name["SystemService"], service)]
