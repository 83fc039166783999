"""`funland.v1.HardwareService`: what models can be computed on."""

from __future__ import annotations

from collections.abc import AsyncIterator

from funland.v1 import hardware_pb2
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.domain import Devices
from funland_server.hardware import presenting


class HardwareService:
    """Answers the RPCs of `HardwareService`; see `hardware.proto`."""

    def __init__(self, devices: Devices, accelerations: Accelerations) -> None:
        self._devices = devices
        self._accelerations = accelerations

    async def ListDevices(
        self, request: hardware_pb2.ListDevicesRequest
    ) -> hardware_pb2.ListDevicesResponse:
        """See `hardware.proto`."""
        return await presenting.listed(self._devices, request)

    async def GetDevice(self, request: hardware_pb2.GetDeviceRequest) -> hardware_pb2.Device:
        """See `hardware.proto`."""
        return self._devices.get(request.device_id)

    async def GetDeviceMetrics(
        self, request: hardware_pb2.GetDeviceMetricsRequest
    ) -> hardware_pb2.GetDeviceMetricsResponse:
        """See `hardware.proto`."""
        return presenting.measured(self._devices, request)

    def WatchDevices(
        self, request: hardware_pb2.WatchDevicesRequest
    ) -> AsyncIterator[hardware_pb2.DeviceEvent]:
        """See `hardware.proto`."""
        return presenting.watched(self._devices)

    async def GetAcceleration(
        self, request: hardware_pb2.GetAccelerationRequest
    ) -> hardware_pb2.Acceleration:
        """See `hardware.proto`."""
        return self._accelerations.get()

    async def SetAcceleration(
        self, request: hardware_pb2.SetAccelerationRequest
    ) -> hardware_pb2.Acceleration:
        """See `hardware.proto`."""
        return await self._accelerations.set(request.acceleration)

    async def ListRecommendations(
        self, request: hardware_pb2.ListRecommendationsRequest
    ) -> hardware_pb2.ListRecommendationsResponse:
        """See `hardware.proto`."""
        raise NotImplementedError

    def BenchmarkDevice(
        self, request: hardware_pb2.BenchmarkDeviceRequest
    ) -> AsyncIterator[hardware_pb2.BenchmarkEvent]:
        """See `hardware.proto`."""
        raise NotImplementedError
