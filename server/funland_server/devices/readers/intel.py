"""Intel's GPUs (the drivers i915 and xe) and NPUs (intel_vpu), as the kernel tells of them.

Where their attributes are documented: Documentation/ABI/testing/sysfs-driver-intel-i915-hwmon,
sysfs-driver-intel-xe-hwmon and drivers/accel/ivpu/ivpu_sysfs.c in the kernel's sources.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from funland.v1.hardware_pb2 import AcceleratorDetails, Device, DeviceMetrics
from funland_server.devices.readers import drm_clients, hwmon, pci
from funland_server.devices.readers.drm_clients import DrmClient
from funland_server.devices.readers.pci import PciDevice
from funland_server.devices.readers.protocol import Found, Look
from funland_server.devices.readers.rates import Rates
from funland_server.kernel_files import KernelFiles

_VENDOR: Final = "8086"
_GPU_DRIVERS: Final = ("i915", "xe")
_NPU_DRIVERS: Final = ("intel_vpu",)
_CLOCKS: Final = (
    "drm/{card}/gt_act_freq_mhz",
    "drm/{card}/gt/gt0/rps_act_freq_mhz",
    "tile0/gt0/freq0/act_freq",
)
"""Of i915 of old, of i915 and of xe."""


class IntelReader:
    """Tells of Intel's GPUs and NPUs."""

    name = "intel"
    sampled = True

    def __init__(
        self, files: KernelFiles | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`files` are the machine's, but in tests."""
        self._files = files or KernelFiles()
        self._rates = Rates(clock)
        self._names: dict[str, str] = {}

    def look(self, *, anew: bool) -> Look:
        """See `Reader`."""
        devices = list(pci.accelerators(self._files, _VENDOR))
        gpus = any(device.driver in _GPU_DRIVERS for device in devices)
        clients = drm_clients.drm_clients(self._files) if gpus else []
        found = tuple(
            self._npu(device)
            if device.pci_class.startswith(pci.PROCESSING)
            else self._gpu(device, [each for each in clients if each.address == device.address])
            for device in devices
        )
        self._rates.forget_unasked()
        return Look(found)

    def close(self) -> None:
        """Nothing runs outside."""

    def _gpu(self, device: PciDevice, clients: Sequence[DrmClient]) -> Found:
        integrated = device.address.split(":")[1] == "00"  # a card is behind a bridge
        metrics = DeviceMetrics(
            utilization_percent=drm_clients.utilization_percent(clients, self._rates),
            memory_used_bytes=drm_clients.memory_bytes(clients, own=not integrated),
            memory_total_bytes=None if integrated else self._own_memory(device),
            clock_mhz=self._clock(device),
        )
        for folder in hwmon.folders(self._files, device.folder):
            if self._files.text(f"{folder}/name") in _GPU_DRIVERS:
                metrics.MergeFrom(self._sensors(device, folder))
        return self._found(device, Device.GPU, _GPU_DRIVERS, metrics, shares_memory=integrated)

    def _npu(self, device: PciDevice) -> Found:
        busy = self._files.number(f"{device.folder}/npu_busy_time_us")
        busy_rate = self._rates.per_second(f"{device.address}/busy", busy)
        # It is 0 while the NPU sleeps.
        clock = self._files.number(f"{device.folder}/npu_current_frequency_mhz")
        metrics = DeviceMetrics(
            utilization_percent=None if busy_rate is None else min(100.0, busy_rate / 1e4),
            memory_used_bytes=self._files.number(f"{device.folder}/npu_memory_utilization"),
            clock_mhz=clock,
        )
        return self._found(device, Device.NPU, _NPU_DRIVERS, metrics, shares_memory=True)

    def _found(
        self,
        device: PciDevice,
        kind: Device.Kind.ValueType,
        drivers: Sequence[str],
        metrics: DeviceMetrics,
        *,
        shares_memory: bool,
    ) -> Found:
        if device.pci_id not in self._names:
            self._names[device.pci_id] = pci.name_in_list(self._files, device.pci_id)
        metrics.time.GetCurrentTime()
        told = Device(
            kind=kind,
            vendor="Intel",
            driver_version=self._files.text(f"sys/module/{device.driver}/version") or "",
            pci_address=device.address,
            shares_memory=shares_memory,
            metrics=metrics,
            accelerator=AcceleratorDetails(
                pcie_generation=pci.generation(self._files, device),
                pcie_lanes=pci.lanes(self._files, device),
            ),
        )
        spare = self._names[device.pci_id] or f"{Device.Kind.Name(kind)} {device.pci_id}"
        return Found(
            told,
            pci_id=device.pci_id,
            spare_name=f"Intel {spare}",
            obstacle=pci.why_no_driver(device, drivers),
        )

    def _own_memory(self, device: PciDevice) -> int | None:
        """What the card's tiles have, a little of which the driver keeps."""
        tiles = [name for name in self._files.names(device.folder) if name.startswith("tile")]
        sizes = [
            self._files.number(f"{device.folder}/{tile}/physical_vram_size_bytes") for tile in tiles
        ]
        return sum(size for size in sizes if size) or None

    def _clock(self, device: PciDevice) -> float | None:
        """It is 0 while the GPU sleeps."""
        cards = [
            name for name in self._files.names(f"{device.folder}/drm") if name.startswith("card")
        ]
        for place in _CLOCKS:
            path = place.format(card=cards[0] if cards else "none")
            if (told := self._files.number(f"{device.folder}/{path}")) is not None:
                return float(told)
        return None

    def _sensors(self, device: PciDevice, folder: str) -> DeviceMetrics:
        """Of the whole card where it is told, else of the package on it."""
        metrics = DeviceMetrics()
        for number in (1, 2):
            energy = self._files.number(f"{folder}/energy{number}_input")
            power = self._rates.per_second(f"{device.address}/energy{number}", energy)
            limit = self._files.number(f"{folder}/power{number}_max")
            if power is not None and not metrics.HasField("power_watts"):
                metrics.power_watts = power / 1e6
            if limit and not metrics.HasField("power_limit_watts"):  # 0: there is none
                metrics.power_limit_watts = limit / 1e6
        package = hwmon.reading(self._files, folder, "temp", ("pkg",))
        if package is None:  # where there is only one, it has no label
            package = self._files.number(f"{folder}/temp1_input")
        if package is not None:
            metrics.temperature_celsius = package / 1000
        return metrics
