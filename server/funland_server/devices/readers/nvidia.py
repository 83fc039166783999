"""NVIDIA's GPUs and their slices (MIG), as the driver's library tells of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from funland.v1.hardware_pb2 import AcceleratorDetails, Device, DeviceMetrics
from funland_server.devices.readers import pci
from funland_server.devices.readers.hwmon import scaled
from funland_server.devices.readers.nvml import (
    BrokenDriverError,
    NoDriverError,
    Nvml,
    nvml_library,
)
from funland_server.devices.readers.protocol import Found, Look, ReaderError
from funland_server.kernel_files import KernelFiles

_VENDOR: Final = "10de"
_DRIVERS: Final = ("nvidia",)
_SIGNS: Final = ("dev/nvidiactl", "dev/dxg", "dev/nvmap")
"""There may be such a GPU that is on no bus that is seen here: in a container, in Windows' WSL, in
a system on a chip."""
_GRAPHICS_CLOCK, _MEMORY_CLOCK = 1, 2  # that of the multiprocessors, and the memory's
_MOST_LANES: Final = 32
_DIVIDED: Final = "It is divided into slices (MIG); those are computed on."


class NvidiaReader:
    """Tells of NVIDIA's GPUs."""

    name = "nvidia"
    sampled = True

    def __init__(
        self, files: KernelFiles | None = None, library: Callable[[], Any] = nvml_library
    ) -> None:
        """`files` are the machine's and `library` gives `pynvml`, but in tests."""
        self._files = files or KernelFiles()
        self._library = library
        self._nvml: Nvml | None = None

    def look(self, *, anew: bool) -> Look:
        """See `Reader`."""
        cards = list(pci.accelerators(self._files, _VENDOR))
        if not cards and not any(self._files.exists(sign) for sign in _SIGNS):
            return Look()
        if anew:
            self._forget()
        try:
            nvml = self._nvml = self._nvml or Nvml(self._library())
        except NoDriverError:
            return Look(tuple(self._on_the_bus(card) for card in cards))
        except BrokenDriverError as error:
            why = f"NVIDIA's driver can't be asked: {error}. Restart the machine after its update."
            return Look(tuple(self._on_the_bus(card, why) for card in cards), (why,))
        count = nvml.ask("nvmlDeviceGetCount")
        if count is None:
            self._forget()
            raise ReaderError("NVIDIA's driver does not tell how many GPUs there are.")
        return _all(nvml, count)

    def close(self) -> None:
        """Nothing runs outside."""

    def _forget(self) -> None:
        if self._nvml is not None:
            self._nvml.close()
            self._nvml = None

    def _on_the_bus(self, card: pci.PciDevice, trouble: str = "") -> Found:
        """What is known of a card without its driver."""
        name = pci.name_in_list(self._files, card.pci_id) or f"GPU {card.pci_id}"
        device = Device(kind=Device.GPU, vendor="NVIDIA", pci_address=card.address)
        device.metrics.time.GetCurrentTime()
        obstacle = pci.why_no_driver(card, _DRIVERS)
        return Found(
            device,
            pci_id=card.pci_id,
            spare_name=f"NVIDIA {name}",
            obstacle=obstacle or "The library of NVIDIA's driver (libnvidia-ml.so.1) is not there.",
            trouble=trouble,
        )


def _all(nvml: Nvml, count: int) -> Look:
    found: list[Found] = []
    problems: list[str] = []
    for number in range(count):
        nvml.lost = ""
        handle = nvml.ask("nvmlDeviceGetHandleByIndex", number)
        card = None if handle is None else _card(nvml, handle)
        if card is not None:
            found += card, *_slices(nvml, handle, card)
        else:
            problems.append(f"GPU number {number} can't be asked: {nvml.lost or 'no answer'}.")
    return Look(tuple(found), tuple(problems))


def _card(nvml: Nvml, handle: Any) -> Found | None:
    """A whole GPU; None if the driver does not tell which it is."""
    uuid = nvml.ask("nvmlDeviceGetUUID", handle)
    place = nvml.ask("nvmlDeviceGetPciInfo", handle)
    if uuid is None and place is None:
        return None
    capability = nvml.ask("nvmlDeviceGetCudaComputeCapability", handle)
    memory = nvml.memory(handle)
    device = Device(
        kind=Device.GPU,
        name=nvml.ask("nvmlDeviceGetName", handle) or "",
        vendor="NVIDIA",
        architecture="sm_{}{}".format(*capability) if capability else "",
        driver_version=nvml.ask("nvmlSystemGetDriverVersion") or "",
        pci_address="" if place is None else _address(place),
        uuid=uuid or "",
        # A GPU that shares the machine's memory does not tell of its own.
        shares_memory=None if memory is None else False,
        metrics=_metrics(nvml, handle, memory),
        accelerator=AcceleratorDetails(
            compute_capability="{}.{}".format(*capability) if capability else "",
            api_version=_cuda(nvml.ask("nvmlSystemGetCudaDriverVersion_v2")),
            pcie_generation=_small(nvml.ask("nvmlDeviceGetCurrPcieLinkGeneration", handle)),
            pcie_lanes=_small(nvml.ask("nvmlDeviceGetCurrPcieLinkWidth", handle)),
        ),
    )
    divided = (nvml.ask("nvmlDeviceGetMigMode", handle) or [0])[0]
    return Found(
        device,
        pci_id="" if place is None else _model(place),
        obstacle=_DIVIDED if divided else "",
        trouble=f"NVIDIA's driver has lost it: {nvml.lost}." if nvml.lost else "",
    )


def _slices(nvml: Nvml, handle: Any, card: Found) -> Iterator[Found]:
    if not card.obstacle:
        return
    for number in range(nvml.ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0):
        part = nvml.ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
        uuid = None if part is None else nvml.ask("nvmlDeviceGetUUID", part)
        if uuid is None:
            continue  # not as many slices as there can be
        device = Device()
        device.CopyFrom(card.device)
        device.name = nvml.ask("nvmlDeviceGetName", part) or card.device.name
        device.uuid = uuid
        memory = nvml.memory(part)
        device.metrics.CopyFrom(DeviceMetrics(time=card.device.metrics.time))
        device.metrics.MergeFrom(_memory(memory))
        device.accelerator.mig_profile = device.name.partition(" MIG ")[2]
        attributes = nvml.ask("nvmlDeviceGetAttributes", part)
        if attributes is not None:
            device.accelerator.compute_units = attributes.multiprocessorCount
        yield Found(device, pci_id=card.pci_id, parent_uuid=card.device.uuid, trouble=card.trouble)


def _metrics(nvml: Nvml, handle: Any, memory: Any) -> DeviceMetrics:
    rates = nvml.ask("nvmlDeviceGetUtilizationRates", handle)
    metrics = DeviceMetrics(
        utilization_percent=None if rates is None else rates.gpu,
        temperature_celsius=nvml.ask("nvmlDeviceGetTemperature", handle, 0),
        power_watts=scaled(nvml.ask("nvmlDeviceGetPowerUsage", handle), 1000),
        power_limit_watts=scaled(nvml.ask("nvmlDeviceGetEnforcedPowerLimit", handle), 1000),
        clock_mhz=nvml.ask("nvmlDeviceGetClockInfo", handle, _GRAPHICS_CLOCK),
        memory_clock_mhz=nvml.ask("nvmlDeviceGetClockInfo", handle, _MEMORY_CLOCK),
        fan_percent=nvml.ask("nvmlDeviceGetFanSpeed", handle),
    )
    metrics.MergeFrom(_memory(memory))
    metrics.time.GetCurrentTime()
    return metrics


def _memory(memory: Any) -> DeviceMetrics:
    """All that is not free is in use: what the driver reserves can't be had either."""
    if memory is None:
        return DeviceMetrics()
    return DeviceMetrics(
        memory_used_bytes=memory.total - memory.free, memory_total_bytes=memory.total
    )


def _address(place: Any) -> str:
    return f"{place.domain:04x}:{place.bus:02x}:{place.device:02x}.0"


def _model(place: Any) -> str:
    return f"{place.pciDeviceId & 0xFFFF:04x}:{place.pciDeviceId >> 16:04x}"


def _small(number: int | None) -> int | None:
    """A number of generations or lanes; a card that is on no such link has 0, or all bits set."""
    return number if number and number <= _MOST_LANES else None


def _cuda(version: int | None) -> str:
    """`13.0` of 13000."""
    return f"{version // 1000}.{version % 1000 // 10}" if version else ""
