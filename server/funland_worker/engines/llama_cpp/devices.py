"""What llama.cpp can compute on, for `funland_worker.devices`."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import EngineDevice, EngineDevices
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.backends import Accelerator, accelerators, failures
from funland_worker.engines.llama_cpp.vulkan import VulkanDevice, vulkan_devices

_VULKAN = "Vulkan"


def devices() -> EngineDevices:
    """The CPU, and what the backends find that are installed; one that can't be loaded is told as a
    problem."""
    library.start()
    # What ggml tells of the CPU's memory is all of the machine's, used or not.
    cpu = EngineDevice(engine=LoadSettings.LLAMA_CPP, name="CPU", backend="CPU", kind=Device.CPU)
    found = accelerators()
    vulkan = vulkan_devices() if any(one.backend == _VULKAN for one in found) else []
    answer = EngineDevices(devices=[cpu, *(to_wire(one, vulkan) for one in found)])
    if failed := failures():
        answer.problems["LLAMA_CPP"] = "; ".join(failed)
    return answer


def to_wire(accelerator: Accelerator, vulkan: Sequence[VulkanDevice]) -> EngineDevice:
    """What llama.cpp says of a device; and of Vulkan's, what Vulkan says."""
    device = EngineDevice(
        engine=LoadSettings.LLAMA_CPP,
        name=accelerator.name,
        backend=accelerator.backend,
        kind=Device.GPU,
        description=accelerator.description,
        pci_address=accelerator.pci_address,
    )
    if accelerator.memory_total:
        device.memory_total_bytes = accelerator.memory_total
        device.memory_free_bytes = accelerator.memory_free
    if accelerator.backend == _VULKAN and (told := _same(accelerator, vulkan)):
        device.uuid, device.driver_version = told.uuid, told.driver
        device.emulated = told.emulated
    return device


def _same(accelerator: Accelerator, vulkan: Sequence[VulkanDevice]) -> VulkanDevice | None:
    """By its place on the bus; what has none, by its name."""
    for device in vulkan:
        if accelerator.pci_address and accelerator.pci_address == device.pci_address:
            return device
    for device in vulkan:
        if not accelerator.pci_address and accelerator.description == device.name:
            return device
    return None
