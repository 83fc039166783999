"""What a benchmark is to run, and whether that is what ran."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import Ready
from funland_server.devices.errors import DeviceUnavailableError
from funland_server.hardware.keys import Engine
from funland_server.hardware.recommending import NAMES
from funland_server.hardware.waves import CONTEXT, STREAMS


def engine_for(device: Device, wanted: Engine, readers: Sequence[Engine]) -> Engine:
    """What computes a model on a device: the `wanted` engine, or the first of those that read the
    model.

    Raises:
        DeviceUnavailableError: There is none.
    """
    if device.state != Device.AVAILABLE:
        why = device.state_reason or "no engine that is installed computes on it."
        raise DeviceUnavailableError(device.device_id, why)
    there = [each.engine for each in device.engines]
    if wanted and wanted not in there:
        raise DeviceUnavailableError(device.device_id, f"{NAMES[wanted]} does not compute on it.")
    for engine in [wanted] if wanted else readers:
        if engine in there:
            return engine
    raise DeviceUnavailableError(device.device_id, "no engine there reads the model.")


def load_settings(device: Device, engine: Engine, context_length: int) -> LoadSettings:
    """How a model of that context (0: unknown) is loaded to be measured: on this device or not at
    all."""
    return LoadSettings(
        engine=engine,
        device_ids=[device.device_id],
        slots=STREAMS,
        context_length=min(context_length or CONTEXT, CONTEXT),
        fallback_to_cpu=False,
    )


def is_there(device: Device, ready: Ready) -> bool:
    """Whether a worker computes on the device, and not elsewhere."""
    names = {each.name.lower() for each in device.engines if each.engine == ready.engine}
    return any(part.strip().lower() in names for part in ready.device.split(","))
