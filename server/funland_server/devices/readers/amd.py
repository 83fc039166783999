"""AMD's GPUs, as the driver amdgpu tells of them: https://docs.kernel.org/gpu/amdgpu/thermal.html

The generation and the units are in the topology of its compute driver (KFD).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from funland.v1.hardware_pb2 import AcceleratorDetails, Device, DeviceMetrics
from funland_server.devices.readers import hwmon, pci
from funland_server.devices.readers.pci import PciDevice
from funland_server.devices.readers.protocol import Found, Look
from funland_server.kernel_files import KernelFiles, whole

_VENDOR: Final = "1002"
_DRIVERS: Final = ("amdgpu",)
_NODES: Final = "sys/class/kfd/kfd/topology/nodes"
_SHARING: Final = {1: False, 2: True, 3: True}
"""By the format of `gpu_metrics`: the first is that of cards, the others are those of APUs."""
_HEADER: Final = 3
_MOST: Final = 2**31 - 1


class AmdReader:
    """Tells of AMD's GPUs."""

    name = "amd"
    sampled = True

    def __init__(self, files: KernelFiles | None = None) -> None:
        """`files` are the machine's, but in tests."""
        self._files = files or KernelFiles()
        self._names: dict[str, str] = {}

    def look(self, *, anew: bool) -> Look:
        """See `Reader`."""
        devices = list(pci.accelerators(self._files, _VENDOR))
        nodes = self._nodes() if devices else {}
        return Look(tuple(self._found(each, nodes.get(each.address, {})) for each in devices))

    def close(self) -> None:
        """Nothing runs outside."""

    def _found(self, device: PciDevice, node: Mapping[str, int]) -> Found:
        files, folder = self._files, device.folder
        if device.pci_id not in self._names:
            self._names[device.pci_id] = pci.name_in_list(files, device.pci_id)
        unique = files.text(f"{folder}/unique_id") or ""
        told = Device(
            kind=Device.GPU,
            name=files.text(f"{folder}/product_name") or "",
            vendor="AMD",
            architecture=_target(node.get("gfx_target_version", 0)),
            driver_version=files.text(f"sys/module/{device.driver}/version") or "",
            pci_address=device.address,
            uuid=f"GPU-{unique}" if re.fullmatch(r"[0-9a-f]{16}", unique) else "",
            shares_memory=self._shares_memory(device),
            metrics=self._metrics(device),
            accelerator=AcceleratorDetails(
                compute_units=_units(node),
                pcie_generation=pci.generation(files, device),
                pcie_lanes=pci.lanes(files, device),
            ),
        )
        return Found(
            told,
            pci_id=device.pci_id,
            spare_name=f"AMD {self._names[device.pci_id] or f'GPU {device.pci_id}'}",
            obstacle=pci.why_no_driver(device, _DRIVERS),
        )

    def _metrics(self, device: PciDevice) -> DeviceMetrics:
        files, folder = self._files, device.folder
        busy = files.number(f"{folder}/gpu_busy_percent")
        metrics = DeviceMetrics(
            utilization_percent=None if busy is None else min(100.0, busy),
            memory_used_bytes=files.number(f"{folder}/mem_info_vram_used"),
            memory_total_bytes=files.number(f"{folder}/mem_info_vram_total"),
            clock_mhz=_chosen(files.text(f"{folder}/pp_dpm_sclk")),
            memory_clock_mhz=_chosen(files.text(f"{folder}/pp_dpm_mclk")),
        )
        for sensors in hwmon.folders(files, folder):
            if files.text(f"{sensors}/name") == "amdgpu":
                metrics.MergeFrom(self._sensors(sensors))
        metrics.time.GetCurrentTime()
        return metrics

    def _sensors(self, folder: str) -> DeviceMetrics:
        files = self._files
        edge = hwmon.reading(files, folder, "temp", ("edge", "junction"))
        if edge is None:  # where there is only one, it may have no label
            edge = files.number(f"{folder}/temp1_input")
        # Newer cards tell what they take now, older ones the mean of a moment.
        power = files.number(f"{folder}/power1_average") or files.number(f"{folder}/power1_input")
        fan, fastest = files.number(f"{folder}/pwm1"), files.number(f"{folder}/pwm1_max")
        shader = hwmon.reading(files, folder, "freq", ("sclk",))
        memory = hwmon.reading(files, folder, "freq", ("mclk",))
        return DeviceMetrics(
            temperature_celsius=hwmon.scaled(edge, 1000),
            power_watts=hwmon.scaled(power, 1e6),
            power_limit_watts=hwmon.scaled(files.number(f"{folder}/power1_cap"), 1e6),
            clock_mhz=hwmon.scaled(shader, 1e6),
            memory_clock_mhz=hwmon.scaled(memory, 1e6),
            fan_percent=min(100.0, 100 * fan / fastest) if fan is not None and fastest else None,
        )

    def _shares_memory(self, device: PciDevice) -> bool | None:
        header = self._files.content(f"{device.folder}/gpu_metrics") or b""
        return _SHARING.get(header[2]) if len(header) >= _HEADER else None

    def _nodes(self) -> dict[str, dict[str, int]]:
        """What the topology tells of each GPU, by its address on the bus."""
        found: dict[str, dict[str, int]] = {}
        for name in self._files.names(_NODES):
            node: dict[str, int] = {}
            for line in (self._files.text(f"{_NODES}/{name}/properties") or "").splitlines():
                key, _, value = line.partition(" ")
                if (number := whole(value)) is not None:
                    node[key] = number
            place = node.get("location_id", 0)
            if node.get("simd_count", 0) and place < 1 << 16:
                domain = node.get("domain", 0)
                address = f"{domain:04x}:{place >> 8:02x}:{place >> 3 & 31:02x}.{place & 7}"
                found[address] = node
        return found


def _target(version: int) -> str:
    """`gfx1100` of 110000, `gfx90a` of 90010: the last two numbers are hexadecimal digits."""
    if not version:
        return ""
    return f"gfx{version // 10000}{version // 100 % 100:x}{version % 100:x}"


def _units(node: Mapping[str, int]) -> int | None:
    per_unit = node.get("simd_per_cu", 0)
    units = node.get("simd_count", 0) // per_unit if per_unit else 0
    return units if 0 < units <= _MOST else None


def _chosen(levels: str | None) -> float | None:
    """The frequency with a star in a list such as `1: 500Mhz *`."""
    found = re.search(r"(\d{1,6})\s*Mhz\s*\*", levels or "", re.IGNORECASE)
    return float(found[1]) if found else None
