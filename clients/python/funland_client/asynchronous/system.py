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
from funland_client.asynchronous.connection import AsyncConnection


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

    async def metrics(self) -> str:
        """Gets the server's metrics in Prometheus' text format."""
        response = await self._connection.call(self._stub.GetMetrics, GetMetricsRequest())
        return response.data.decode()
