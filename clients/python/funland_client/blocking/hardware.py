# Generated from ../asynchronous/hardware.py by `make client`: edit that one.
"""The devices that models are computed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from funland.v1.hardware_pb2 import (
    Acceleration,
    BenchmarkDeviceRequest,
    BenchmarkEvent,
    Device,
    DeviceEvent,
    GetAccelerationRequest,
    GetDeviceMetricsRequest,
    GetDeviceMetricsResponse,
    GetDeviceRequest,
    ListDevicesRequest,
    ListDevicesResponse,
    ListRecommendationsRequest,
    Recommendation,
    SetAccelerationRequest,
    WatchDevicesRequest,
)
from funland.v1.hardware_pb2_grpc import HardwareServiceStub
from funland_client import arguments
from funland_client.arguments import AccelerationArguments, Engine
from funland_client.blocking.connection import Connection
from funland_client.blocking.event_streams import EventStream
from funland_client.fields import filled


class Hardware:
    """The devices of the server's machine that models are computed on, as `client.hardware`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = HardwareServiceStub(connection.channel)

    def devices(self, *, detailed: bool = False, refresh: bool = False) -> ListDevicesResponse:
        """Gets every device; `problems` tells what could not be read.

        `refresh` looks for devices anew; only with `detailed` a device's `cpu` or `accelerator` is
        told.
        """
        request = ListDevicesRequest(detailed=detailed, refresh=refresh)
        return self._connection.call(self._stub.ListDevices, request)

    def device(self, device_id: str) -> Device:
        """Gets one device with all details."""
        request = GetDeviceRequest(device_id=device_id)
        return self._connection.call(self._stub.GetDevice, request)

    def device_metrics(self, device_id: str, *, history_size: int = 0) -> GetDeviceMetricsResponse:
        """Gets what a device does now, and at most so many samples of before, the newest first; 0:
        the server's number."""
        values = {"device_id": device_id, "history_size": history_size}
        request = filled(GetDeviceMetricsRequest, "", values)
        return self._connection.call(self._stub.GetDeviceMetrics, request)

    def watch_devices(self) -> EventStream[DeviceEvent]:
        """Gives every device as it is now, then again when it changes; has no timeout."""
        return self._connection.stream(self._stub.WatchDevices, WatchDevicesRequest(), endless=True)

    def acceleration(self) -> Acceleration:
        """Gets which devices models are computed on."""
        return self._connection.call(self._stub.GetAcceleration, GetAccelerationRequest())

    def set_acceleration(self, **settings: Unpack[AccelerationArguments]) -> Acceleration:
        """Sets which devices models are computed on, from their next load on; what is left out goes
        back to its default."""
        request = SetAccelerationRequest(acceleration=arguments.acceleration(settings))
        return self._connection.call(self._stub.SetAcceleration, request)

    def recommendations(self, model: str = "") -> Sequence[Recommendation]:
        """Gets which devices are worth using for a model, the best first; an empty name is the
        built-in model's."""
        request = ListRecommendationsRequest(model=model)
        response = self._connection.call(self._stub.ListRecommendations, request)
        return [*response.recommendations]

    def benchmark_device(
        self, device_id: str, model: str = "", *, engine: Engine | None = None
    ) -> EventStream[BenchmarkEvent]:
        """Measures how fast a model is on a device; the last event has the result. Has no timeout.

        An empty `model` is the built-in one; without an `engine` it is the one of a load.
        """
        values = {"device_id": device_id, "model": model, "engine": engine}
        given = {name: value for name, value in values.items() if value is not None}
        request = filled(BenchmarkDeviceRequest, "", given)
        return self._connection.stream(self._stub.BenchmarkDevice, request, endless=True)
