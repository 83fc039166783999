"""What llama.cpp can compute on, for `funland_worker.devices`."""

from __future__ import annotations

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import EngineDevice, EngineDevices
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.backends import Accelerator, accelerators, failures

_PROGRAMS = ("llvmpipe", "SwiftShader")
"""How the names of programs begin that compute on the CPU what a GPU should."""


def devices() -> EngineDevices:
    """The CPU, and what the backends find that are installed; one that can't be loaded is told as a
    problem."""
    library.start()
    # What ggml tells of the CPU's memory is all of the machine's, used or not.
    cpu = EngineDevice(engine=LoadSettings.LLAMA_CPP, name="CPU", backend="CPU", kind=Device.CPU)
    answer = EngineDevices(devices=[cpu, *map(_to_wire, accelerators())])
    if failed := failures():
        answer.problems["LLAMA_CPP"] = "; ".join(failed)
    return answer


def _to_wire(accelerator: Accelerator) -> EngineDevice:
    device = EngineDevice(
        engine=LoadSettings.LLAMA_CPP,
        name=accelerator.name,
        backend=accelerator.backend,
        kind=Device.GPU,
        description=accelerator.description,
        pci_address=accelerator.pci_address,
        emulated=accelerator.description.startswith(_PROGRAMS),
    )
    if accelerator.memory_total:
        device.memory_total_bytes = accelerator.memory_total
        device.memory_free_bytes = accelerator.memory_free
    return device
