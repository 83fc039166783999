"""What CTranslate2 can compute on, for `funland_worker.devices`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import EngineDevice, EngineDevices
from funland_worker.engines.cuda_driver import CudaDriver

_NUMBER_TYPES = {
    "float32": "FP32",
    "float16": "FP16",
    "bfloat16": "BF16",
    "int8": "INT8",
    "int16": "INT16",
}
"""OpenVINO's names, by CTranslate2's; types that are mixed of these are left out."""


def devices() -> EngineDevices:
    """The CPU, and each device that CUDA has for this process.

    Raises:
        RuntimeError: CTranslate2 finds devices and can't use them.
    """
    ctranslate2: Any = import_module("ctranslate2")  # who asks another engine does without it

    def device(name: str, kind: Device.Kind.ValueType, types: set[str]) -> EngineDevice:
        return EngineDevice(
            engine=LoadSettings.CTRANSLATE2,
            name=name,
            kind=kind,
            number_types=[_NUMBER_TYPES[name] for name in _NUMBER_TYPES if name in types],
        )

    found = [device("cpu", Device.CPU, ctranslate2.get_supported_compute_types("cpu"))]
    if count := ctranslate2.get_cuda_device_count():
        driver = CudaDriver()
        for index in range(count):
            types = ctranslate2.get_supported_compute_types("cuda", index)
            one = device(f"cuda:{index}", Device.GPU, types)
            driver.describe(index, one)
            found.append(one)
    return EngineDevices(devices=found)
