"""The server itself: how it is, what it does and how it is set."""

from __future__ import annotations

from collections.abc import Mapping

from funland.v1.system_pb2 import (
    Configuration,
    GetConfigurationRequest,
    GetHealthReportRequest,
    GetHealthRequest,
    GetLoadRequest,
    GetMetricsRequest,
    GetResourcesRequest,
    GetStatusRequest,
    Health,
    HealthReport,
    Load,
    Resources,
    ServerLogLine,
    SystemStatus,
    WatchConfigurationRequest,
    WatchLogsRequest,
)
from funland.v1.system_pb2_grpc import SystemServiceStub
from funland_client import requests
from funland_client.arguments import SettingValue
from funland_client.asynchronous.connection import AsyncConnection
from funland_client.asynchronous.event_streams import AsyncEventStream


class AsyncSystem:
    """The server itself, as `client.system`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._stub = SystemServiceStub(connection.channel)

    async def health(self) -> Health:
        """Tells whether the server takes calls."""
        return await self._connection.call(self._stub.GetHealth, GetHealthRequest())

    async def status(self) -> SystemStatus:
        """Tells what the server is and what it does now."""
        return await self._connection.call(self._stub.GetStatus, GetStatusRequest())

    async def health_report(self) -> HealthReport:
        """Tells how each part of the server is; may take a second."""
        return await self._connection.call(self._stub.GetHealthReport, GetHealthReportRequest())

    async def resources(self) -> Resources:
        """Tells what of processor, memory and disks is in use."""
        return await self._connection.call(self._stub.GetResources, GetResourcesRequest())

    async def load(self) -> Load:
        """Tells how busy the machine and the server are."""
        return await self._connection.call(self._stub.GetLoad, GetLoadRequest())

    async def configuration(self, prefix: str = "") -> Configuration:
        """Gets the settings whose names begin so, such as `server.`, by name."""
        request = GetConfigurationRequest(prefix=prefix)
        return await self._connection.call(self._stub.GetConfiguration, request)

    async def configure(
        self,
        values: Mapping[str, SettingValue],
        *,
        etag: str = "",
        validate_only: bool = False,
    ) -> Configuration:
        """Changes settings, all or none, such as `{"server.slots": 8}`; None takes one out of the
        settings file. Gives the configuration after it; `Setting.effect` says when it counts.

        With the `etag` of a configuration that has changed meanwhile it raises AbortedError;
        `validate_only` checks and changes nothing.
        """
        request = requests.configuration(values, etag, validate_only)
        return await self._connection.call(self._stub.UpdateConfiguration, request, once=True)

    def watch_configuration(self) -> AsyncEventStream[Configuration]:
        """Gives the configuration as it is now, then again whenever it changes."""
        request = WatchConfigurationRequest()
        return self._connection.stream(self._stub.WatchConfiguration, request, endless=True)

    def watch_logs(
        self, *, lines: int | None = None, after: int = 0
    ) -> AsyncEventStream[ServerLogLine]:
        """Gives the last `lines` of the server's log, 100 unless it is told, or those after a
        number; then those that are written."""
        request = WatchLogsRequest(lines=lines, after=after)
        return self._connection.stream(self._stub.WatchLogs, request, endless=True)

    async def metrics(self) -> str:
        """Gets the server's metrics in Prometheus' text format."""
        response = await self._connection.call(self._stub.GetMetrics, GetMetricsRequest())
        return response.data.decode()
