"""Shows devices as callers ask for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from funland.v1.hardware_pb2 import (
    Device,
    DeviceEvent,
    GetDeviceMetricsRequest,
    GetDeviceMetricsResponse,
    ListDevicesRequest,
    ListDevicesResponse,
)
from funland_server.devices.domain import Devices


async def listed(devices: Devices, request: ListDevicesRequest) -> ListDevicesResponse:
    """All of them, after a look if one is asked for."""
    if request.refresh:
        await devices.refresh()
    shown = devices.all() if request.detailed else map(brief, devices.all())
    return ListDevicesResponse(devices=shown, problems=devices.problems)


def measured(devices: Devices, request: GetDeviceMetricsRequest) -> GetDeviceMetricsResponse:
    """What one does, and did.

    Raises:
        DeviceNotFoundError: None has that id.
    """
    return GetDeviceMetricsResponse(
        device_id=request.device_id,
        metrics=devices.get(request.device_id).metrics,
        history=devices.history(request.device_id, request.history_size),
    )


async def watched(devices: Devices) -> AsyncGenerator[DeviceEvent]:
    """All of them, then each as it changes.

    Raises:
        ServerStoppingError: The server stops.
    """
    async with aclosing(devices.watch()) as events:
        async for device in events:
            yield DeviceEvent(device=brief(device))


def brief(device: Device) -> Device:
    """One without its details."""
    shown = Device()
    shown.CopyFrom(device)
    shown.ClearField("cpu")
    shown.ClearField("accelerator")
    return shown
