"""Devices that tests decide about."""

from __future__ import annotations

from typing import Any

from funland.v1.hardware_pb2 import BenchmarkResult, Device, DeviceEngine
from funland.v1.models_pb2 import LoadSettings

LLAMA = LoadSettings.LLAMA_CPP
OPENVINO = LoadSettings.OPENVINO


def cpu(usable_cores: float = 4) -> Device:
    device = Device(
        device_id="cpu_0", kind=Device.CPU, state=Device.AVAILABLE, name="A CPU",
        architecture="x86_64",
        engines=[DeviceEngine(engine=LLAMA, name="CPU"), DeviceEngine(engine=OPENVINO, name="CPU")],
    )  # fmt: skip
    device.cpu.usable_cores = usable_cores
    return device


def gpu(number: int = 0, **changes: Any) -> Device:
    fields: dict[str, Any] = {
        "device_id": f"gpu_{number}",
        "kind": Device.GPU,
        "state": Device.AVAILABLE,
        "name": "A GPU",
        "pci_address": f"0000:0{number}:00.0",
        "uuid": f"GPU-{number}",
        "driver_version": "1.0",
        "engines": [DeviceEngine(engine=LLAMA, name=f"CUDA{number}", backend="CUDA")],
    }
    return Device(**(fields | changes))


def result(device: Device, eight: float, **changes: Any) -> BenchmarkResult:
    fields: dict[str, Any] = {
        "device_id": device.device_id,
        "engine": LLAMA,
        "tokens_per_second": eight / 4,
        "tokens_per_second_8_streams": eight,
        "prompt_tokens_per_second": 10 * eight,
    }
    return BenchmarkResult(**(fields | changes))
