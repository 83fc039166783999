"""Devices and readers of a test's own making."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from funland.v1.hardware_pb2 import Device, DeviceEngine, DeviceMetrics
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.readers.protocol import Found, Look

CPU, GPU, NPU = Device.CPU, Device.GPU, Device.NPU


def cpu() -> Found:
    engine = DeviceEngine(engine=LoadSettings.LLAMA_CPP, name="CPU", backend="CPU")
    return Found(Device(kind=CPU, name="a processor", engines=[engine]))


def card(address: str, uuid: str = "", name: str = "Card", **found: Any) -> Found:
    """A GPU as a reader of the system tells of it."""
    device = Device(kind=GPU, name=name, pci_address=address, uuid=uuid)
    return replace(Found(device, pci_id="10de:2684"), **found)


def part(uuid: str, parent: str, address: str, name: str = "Card MIG 1g.10gb") -> Found:
    """A slice of one."""
    device = Device(kind=GPU, name=name, pci_address=address, uuid=uuid)
    return Found(device, pci_id="10de:2330", parent_uuid=parent)


def npu(address: str) -> Found:
    return Found(Device(kind=NPU, pci_address=address), pci_id="8086:7d1d", spare_name="An NPU")


def engine(
    way: str,
    by: LoadSettings.Engine.ValueType = LoadSettings.LLAMA_CPP,
    kind: Device.Kind.ValueType = GPU,
    *,
    backend: str = "",
    **device: Any,
) -> Found:
    """A device as an engine tells of it, whose name for it is `way`."""
    engines = [DeviceEngine(engine=by, name=way, backend=backend)]
    return Found(Device(kind=kind, engines=engines, **device))


class Scripted:
    """A reader that tells what a test says; asked by the server's own threads."""

    sampled = True

    def __init__(self, name: str, *found: Found, sampled: bool = True) -> None:
        self.name = name
        self.sampled = sampled
        self.found: Sequence[Found] = found
        self.error: Exception | None = None
        self.free = threading.Event()
        """Cleared: it hangs."""
        self.free.set()
        self.asked = threading.Event()
        self.looks = 0
        self.threads: set[int] = set()
        self.closed = False

    def look(self, *, anew: bool) -> Look:
        self.looks += 1
        self.threads.add(threading.get_ident())
        self.asked.set()
        self.free.wait()
        if self.error is not None:
            raise self.error
        told: list[Found] = []
        for found in self.found:
            device = Device()
            device.CopyFrom(found.device)
            if self.sampled:
                device.metrics.MergeFrom(DeviceMetrics(utilization_percent=self.looks))
                device.metrics.time.GetCurrentTime()
            told.append(replace(found, device=device))
        return Look(tuple(told))

    def close(self) -> None:
        self.closed = True
