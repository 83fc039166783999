"""Devices by the names that engines have for them."""

from __future__ import annotations

from collections.abc import Iterable

from funland.v1.hardware_pb2 import Device


def known_names(devices: Iterable[Device]) -> dict[str, str]:
    """The ids of devices by all names that engines have for them, in capitals. `GPU` stands for
    `GPU.0` too, as OpenVINO has it."""
    known: dict[str, str] = {}
    for device in devices:
        names = [each.name.upper() for each in device.engines]
        if device.kind == Device.CPU:
            names.append("CPU")
        for name in names:
            known[name] = device.device_id
            if name.endswith(".0"):
                known.setdefault(name.removesuffix(".0"), device.device_id)
    return known
