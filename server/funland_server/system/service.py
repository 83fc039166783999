"""`funland.v1.SystemService`: what the server is, what it does and how it is set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from pathlib import Path

from google.api import httpbody_pb2

from funland.v1 import system_pb2
from funland_server.metrics import Metrics
from funland_server.system.configuration import Configuration
from funland_server.system.health import Checkup
from funland_server.system.recent_lines import RecentLines
from funland_server.system.resources import CpuMeter, resources
from funland_server.system.status import Status

_LINES = 100
_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


class SystemService:
    """Answers the RPCs of `SystemService`; see `system.proto`."""

    def __init__(
        self,
        status: Status,
        checkup: Checkup,
        configuration: Configuration,
        kept: Mapping[str, Path],
        *,
        metrics: Metrics,
        lines: RecentLines,
    ) -> None:
        """`kept` is what lies where on the disks."""
        self._lines = lines
        self._status = status
        self._checkup = checkup
        self._configuration = configuration
        self._kept = kept
        self._metrics = metrics
        self._meter = CpuMeter()

    async def GetHealth(self, request: system_pb2.GetHealthRequest) -> system_pb2.Health:
        """See `system.proto`."""
        return self._status.health()

    async def GetStatus(self, request: system_pb2.GetStatusRequest) -> system_pb2.SystemStatus:
        """See `system.proto`."""
        return self._status.status()

    async def GetHealthReport(
        self, request: system_pb2.GetHealthReportRequest
    ) -> system_pb2.HealthReport:
        """See `system.proto`."""
        return await self._checkup.report()

    async def GetResources(self, request: system_pb2.GetResourcesRequest) -> system_pb2.Resources:
        """See `system.proto`."""
        return await resources(self._meter, self._kept)

    async def GetLoad(self, request: system_pb2.GetLoadRequest) -> system_pb2.Load:
        """See `system.proto`."""
        return self._status.load()

    async def GetConfiguration(
        self, request: system_pb2.GetConfigurationRequest
    ) -> system_pb2.Configuration:
        """See `system.proto`."""
        return await self._configuration.get(request.prefix)

    async def UpdateConfiguration(
        self, request: system_pb2.UpdateConfigurationRequest
    ) -> system_pb2.Configuration:
        """See `system.proto`."""
        return await self._configuration.update(request)

    async def WatchConfiguration(
        self, request: system_pb2.WatchConfigurationRequest
    ) -> AsyncIterator[system_pb2.Configuration]:
        """See `system.proto`."""
        async with aclosing(self._configuration.watch()) as configurations:
            async for configuration in configurations:
                yield configuration

    async def WatchLogs(
        self, request: system_pb2.WatchLogsRequest
    ) -> AsyncIterator[system_pb2.ServerLogLine]:
        """See `system.proto`."""
        count = request.lines if request.HasField("lines") else _LINES
        async with aclosing(self._lines.watch(count, request.after)) as lines:
            async for line in lines:
                yield line

    async def GetMetrics(self, request: system_pb2.GetMetricsRequest) -> httpbody_pb2.HttpBody:
        """See `system.proto`."""
        return httpbody_pb2.HttpBody(content_type=_PROMETHEUS, data=self._metrics.text())
