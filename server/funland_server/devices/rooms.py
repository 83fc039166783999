"""How much of each device's memory a model may take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from funland.v1.hardware_pb2 import Acceleration, Device
from funland_server.workers.taken import Taken

_FRACTION: Final = 0.9


def in_machine(device: Device) -> bool:
    """Whether what a device takes is a part of the machine's memory: then it counts there."""
    return device.kind == Device.CPU or device.shares_memory or device.emulated


def rooms(
    devices: Iterable[Device],
    acceleration: Acceleration,
    taken: Taken,
    own_fraction: float | None = None,
) -> dict[str, int | None]:
    """What a model may take of each accelerator's memory when all models that are idle have left:
    within the share that is for models, and beside what other programs have. None: it can't be
    read.

    `own_fraction` is the most that this model may take of each. If that is more than the share that
    is for models, it goes beyond that.
    """
    set_ = acceleration.HasField("gpu_memory_fraction")
    fraction = acceleration.gpu_memory_fraction if set_ else _FRACTION
    own = fraction if own_fraction is None else own_fraction
    accelerators = [device for device in devices if device.kind != Device.CPU]
    return {
        device.device_id: _room(device, max(fraction, own), own, taken) for device in accelerators
    }


def free(room: Mapping[str, int | None], taken: Taken) -> dict[str, int | None]:
    """What is left of `rooms` while no model leaves."""
    return {
        device_id: None if bytes_ is None else max(0, bytes_ - taken.idle.get(device_id, 0))
        for device_id, bytes_ in room.items()
    }


def _room(device: Device, fraction: float, own: float, taken: Taken) -> int | None:
    """`fraction` is the share of all models, `own` that of this one."""
    metrics = device.metrics
    staying = taken.staying.get(device.device_id, 0)
    if not metrics.HasField("memory_total_bytes"):
        return taken.machine_available if in_machine(device) else None
    total = metrics.memory_total_bytes
    share = min(int(fraction * total) - staying, int(own * total))
    if in_machine(device):
        return max(0, min(share, taken.machine_available))
    # What the driver counts has our own models in it, those that will leave too.
    others = max(0, metrics.memory_used_bytes - taken.held.get(device.device_id, 0))
    return max(0, min(share, total - others - staying))
