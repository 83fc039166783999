"""`funland.v1.SystemService`: what the server is and what it does."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from importlib.metadata import version

import psutil
from google.api import httpbody_pb2

from funland.v1 import system_pb2
from funland_server.metrics import Metrics
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.wire import to_wire
from funland_server.workers.machine import machine_memory
from funland_server.workers.pool import WorkerPool

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class SystemService:
    """Answers the RPCs of `SystemService`; see `system.proto`."""

    def __init__(
        self,
        catalog: ModelCatalog,
        pool: WorkerPool,
        metrics: Metrics,
        *,
        active_calls: Callable[[], int],
        stopping: Callable[[], bool],
    ) -> None:
        self._catalog = catalog
        self._pool = pool
        self._metrics = metrics
        self._active_calls = active_calls
        self._stopping = stopping
        self._start = time.time()
        self._start_monotonic = time.monotonic()

    async def GetHealth(self, request: system_pb2.GetHealthRequest) -> system_pb2.Health:
        """See `system.proto`."""
        return system_pb2.Health(state=self._state(), backing_off_models=self._pool.backing_off())

    async def GetStatus(self, request: system_pb2.GetStatusRequest) -> system_pb2.SystemStatus:
        """See `system.proto`."""
        models = self._catalog.all()
        default = self._catalog.default_id
        memory = machine_memory()
        status = system_pb2.SystemStatus(
            state=self._state(),
            version=version("funland"),
            active_calls=self._active_calls(),
            installed_models=len(models),
            loaded_models=[
                to_wire(model, self._pool, default=model.model_id == default)
                for model in models
                if self._pool.worker(model.model_id) is not None
            ],
            memory=system_pb2.MachineMemory(
                total_bytes=memory.total, available_bytes=memory.available
            ),
            server_memory_bytes=psutil.Process().memory_info().rss,
        )
        status.start_time.FromNanoseconds(int(self._start * 1e9))
        status.uptime.FromNanoseconds(int((time.monotonic() - self._start_monotonic) * 1e9))
        return status

    async def GetHealthReport(
        self, request: system_pb2.GetHealthReportRequest
    ) -> system_pb2.HealthReport:
        """See `system.proto`."""
        raise NotImplementedError

    async def GetResources(self, request: system_pb2.GetResourcesRequest) -> system_pb2.Resources:
        """See `system.proto`."""
        raise NotImplementedError

    async def GetLoad(self, request: system_pb2.GetLoadRequest) -> system_pb2.Load:
        """See `system.proto`."""
        raise NotImplementedError

    async def GetConfiguration(
        self, request: system_pb2.GetConfigurationRequest
    ) -> system_pb2.Configuration:
        """See `system.proto`."""
        raise NotImplementedError

    async def UpdateConfiguration(
        self, request: system_pb2.UpdateConfigurationRequest
    ) -> system_pb2.Configuration:
        """See `system.proto`."""
        raise NotImplementedError

    def WatchConfiguration(
        self, request: system_pb2.WatchConfigurationRequest
    ) -> AsyncIterator[system_pb2.Configuration]:
        """See `system.proto`."""
        raise NotImplementedError

    async def GetMetrics(self, request: system_pb2.GetMetricsRequest) -> httpbody_pb2.HttpBody:
        """See `system.proto`."""
        return httpbody_pb2.HttpBody(content_type=_PROMETHEUS, data=self._metrics.text())

    def _state(self) -> system_pb2.Health.State.ValueType:
        return system_pb2.Health.STOPPING if self._stopping() else system_pb2.Health.SERVING
