"""Accelerators as the PCI bus has them: https://docs.kernel.org/PCI/sysfs-pci.html"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from funland_server.kernel_files import KernelFiles

_DEVICES: Final = "sys/bus/pci/devices"
_ADDRESS: Final = r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"
_DISPLAY: Final = "0x03"
PROCESSING: Final = "0x12"
"""How the class of a processing accelerator begins, as an NPU is; a GPU's begins with 0x03."""
_NAMES: Final = ("usr/share/misc/pci.ids", "usr/share/hwdata/pci.ids")
_GENERATIONS: Final = {"2.5": 1, "5.0": 2, "8.0": 3, "16.0": 4, "32.0": 5, "64.0": 6}
"""By how many billions of transfers a second a lane makes."""
_MOST_LANES: Final = 32


@dataclass(frozen=True, slots=True)
class PciDevice:
    """A device on the bus."""

    folder: str
    address: str
    """Such as `0000:01:00.0`."""
    pci_id: str
    """Its model: `vendor:device`, such as `10de:2684`."""
    pci_class: str
    """Such as `0x030000`."""
    driver: str
    """The name of the driver that has it. Empty: none."""


def accelerators(files: KernelFiles, vendor: str) -> Iterator[PciDevice]:
    """A maker's GPUs and processing accelerators; `vendor` is its number, such as `10de`."""
    for address in files.names(_DEVICES):
        folder = f"{_DEVICES}/{address}"
        if re.fullmatch(_ADDRESS, address) is None:
            continue
        pci_class = files.text(f"{folder}/class") or ""
        if not pci_class.startswith((_DISPLAY, PROCESSING)):
            continue
        told = [files.text(f"{folder}/{name}") or "" for name in ("vendor", "device")]
        pci_id = ":".join(number.removeprefix("0x") for number in told)
        if re.fullmatch(rf"{vendor}:[0-9a-f]{{4}}", pci_id):
            driver = (files.link(f"{folder}/driver") or "").rpartition("/")[2]
            yield PciDevice(folder, address, pci_id, pci_class, driver)


def generation(files: KernelFiles, device: PciDevice) -> int | None:
    """The PCI Express generation that the link runs at now."""
    speed = (files.text(f"{device.folder}/current_link_speed") or "").partition(" ")[0]
    return _GENERATIONS.get(speed)


def lanes(files: KernelFiles, device: PciDevice) -> int | None:
    """How many lanes the link has now."""
    told = files.number(f"{device.folder}/current_link_width")
    return told if told and told <= _MOST_LANES else None  # a device without a link has 0 or 63


def name_in_list(files: KernelFiles, pci_id: str) -> str:
    """What the list of PCI models calls one, as lspci does; empty if there is no list. It takes a
    while: the list is long."""
    vendor, _, model = pci_id.partition(":")
    for path in _NAMES:
        within = False
        for line in (files.text(path) or "").splitlines():
            if not line.startswith(("\t", "#")):
                within = line.startswith(f"{vendor} ")
            elif within and line.startswith(f"\t{model} "):
                return line.removeprefix(f"\t{model}").strip()
    return ""


def why_no_driver(device: PciDevice, drivers: Sequence[str]) -> str:
    """Why a device can't be used, if none of the drivers that can has it; else empty."""
    if device.driver in drivers:
        return ""
    if device.driver == "vfio-pci":
        return "It is given to a virtual machine (the driver vfio-pci has it)."
    if not device.driver:
        return f"No driver has it; the kernel's {' or '.join(drivers)} would."
    return f"The driver {device.driver} has it; {' or '.join(drivers)} is needed."
