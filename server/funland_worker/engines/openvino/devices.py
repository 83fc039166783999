"""What OpenVINO can compute on, for `funland_worker.devices`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any
from uuid import UUID

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import EngineDevice, EngineDevices

_KINDS: Mapping[str, Device.Kind.ValueType] = {
    "CPU": Device.CPU,
    "GPU": Device.GPU,
    "NPU": Device.NPU,
}


def _pci_address(told: Any) -> str:
    """Of an `openvino.properties.device.PCIInfo`."""
    return f"{told.domain:04x}:{told.bus:02x}:{told.device:02x}.{told.function:x}"


def _number_types(told: Sequence[str]) -> list[str]:
    """Without what else a device can do, such as `EXPORT_IMPORT`."""
    return [name for name in told if name[-1:].isdigit()]


_PROPERTIES: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("FULL_DEVICE_NAME", "description", str),
    ("DEVICE_PCI_INFO", "pci_address", _pci_address),
    ("DEVICE_UUID", "uuid", lambda digits: str(UUID(hex=digits))),
    ("GPU_DEVICE_TOTAL_MEM_SIZE", "memory_total_bytes", int),
    ("NPU_DEVICE_TOTAL_MEM_SIZE", "memory_total_bytes", int),
    ("NPU_DRIVER_VERSION", "driver_version", str),
    ("DEVICE_ARCHITECTURE", "architecture", str),
    ("OPTIMIZATION_CAPABILITIES", "number_types", _number_types),
)
"""OpenVINO's property, our field, and how the one becomes the other."""


def devices() -> EngineDevices:
    """All that OpenVINO finds a driver for."""
    openvino: Any = import_module("openvino")  # who asks another engine does without it
    return EngineDevices(devices=devices_of(openvino.Core()))


def devices_of(core: Any) -> list[EngineDevice]:
    """The devices of an `openvino.Core`. What a driver does not tell is left out; of virtual
    devices, such as `AUTO`, there are none."""
    found: list[EngineDevice] = []
    for name in core.available_devices:
        kind = _KINDS.get(name.partition(".")[0])
        if kind is None:
            continue
        device = EngineDevice(engine=LoadSettings.OPENVINO, name=name, kind=kind)
        for key, field, convert in _PROPERTIES:
            try:
                value = convert(core.get_property(name, key))
            except (AttributeError, RuntimeError, TypeError, ValueError):
                continue  # this kind has no such property, or the driver does not answer
            if field == "number_types":
                device.number_types.extend(value)
            else:
                setattr(device, field, value)
        found.append(device)
    return found
