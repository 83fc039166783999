# Generated from ../asynchronous/system.py by `make client`: edit that one.
"""The server itself: health, status and metrics."""

from __future__ import annotations

from funland.v1.system_pb2 import (
    GetHealthRequest,
    GetMetricsRequest,
    GetStatusRequest,
    Health,
    SystemStatus,
)
from funland.v1.system_pb2_grpc import SystemServiceStub
from funland_client.blocking.connection import Connection


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

    def metrics(self) -> str:
        """Gets the server's metrics in Prometheus' text format."""
        response = self._connection.call(self._stub.GetMetrics, GetMetricsRequest())
        return response.data.decode()
