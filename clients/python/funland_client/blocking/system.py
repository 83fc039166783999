# Generated from ../asynchronous/system.py by `make client`: edit that one.
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
from funland_client.blocking.connection import Connection
from funland_client.blocking.event_streams import EventStream


class System:
    """The server itself, as `client.system`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = SystemServiceStub(connection.channel)

    def health(self) -> Health:
        """Tells whether the server takes calls."""
        return self._connection.call(self._stub.GetHealth, GetHealthRequest())

    def status(self) -> SystemStatus:
        """Tells what the server is and what it does now."""
        return self._connection.call(self._stub.GetStatus, GetStatusRequest())

    def health_report(self) -> HealthReport:
        """Tells how each part of the server is; may take a second."""
        return self._connection.call(self._stub.GetHealthReport, GetHealthReportRequest())

    def resources(self) -> Resources:
        """Tells what of processor, memory and disks is in use."""
        return self._connection.call(self._stub.GetResources, GetResourcesRequest())

    def load(self) -> Load:
        """Tells how busy the machine and the server are."""
        return self._connection.call(self._stub.GetLoad, GetLoadRequest())

    def configuration(self, prefix: str = "") -> Configuration:
        """Gets the settings whose names begin so, such as `server.`, by name."""
        request = GetConfigurationRequest(prefix=prefix)
        return self._connection.call(self._stub.GetConfiguration, request)

    def configure(
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
        return self._connection.call(self._stub.UpdateConfiguration, request, once=True)

    def watch_configuration(self) -> EventStream[Configuration]:
        """Gives the configuration as it is now, then again whenever it changes."""
        request = WatchConfigurationRequest()
        return self._connection.stream(self._stub.WatchConfiguration, request, endless=True)

    def watch_logs(self, *, lines: int | None = None, after: int = 0) -> EventStream[ServerLogLine]:
        """Gives the last `lines` of the server's log, 100 unless it is told, or those after a
        number; then those that are written."""
        request = WatchLogsRequest(lines=lines, after=after)
        return self._connection.stream(self._stub.WatchLogs, request, endless=True)

    def metrics(self) -> str:
        """Gets the server's metrics in Prometheus' text format."""
        response = self._connection.call(self._stub.GetMetrics, GetMetricsRequest())
        return response.data.decode()
