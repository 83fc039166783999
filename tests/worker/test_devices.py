"""What the engines can compute on is told, whatever one of them does."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import EngineDevice, EngineDevices
from funland_worker.devices import Asked, merged
from funland_worker.engines.cuda_driver import CudaDriver
from funland_worker.engines.llama_cpp.backends import Accelerator
from funland_worker.engines.llama_cpp.devices import to_wire
from funland_worker.engines.llama_cpp.vulkan import VulkanDevice, vulkan_devices
from funland_worker.engines.openvino.devices import devices_of
from tests import lavapipe

ENGINES = (LoadSettings.LLAMA_CPP, LoadSettings.OPENVINO, LoadSettings.CTRANSLATE2)
CARD = Accelerator(1, "Vulkan0", "Vulkan", "Arc B580", "0000:03:00.0", 12 << 30, 11 << 30)


async def told(**environment: str) -> EngineDevices:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "funland_worker.devices",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return json_format.Parse(output, EngineDevices())


async def test_every_engine_tells_of_the_cpu() -> None:
    answer = await told()

    cpus = [device for device in answer.devices if device.kind == Device.CPU]
    assert [(one.engine, one.name) for one in cpus] == list(
        zip(ENGINES, ("CPU", "CPU", "cpu"), strict=True)
    )
    assert not any(one.HasField("memory_total_bytes") or one.emulated for one in cpus)
    assert not answer.problems


async def test_a_program_that_plays_a_gpu_is_told_if_it_is_named() -> None:
    named = await told(**lavapipe.environment())
    unnamed = await told()

    (device,) = [one for one in named.devices if one.name == lavapipe.NAME]
    assert (device.engine, device.kind) == (LoadSettings.LLAMA_CPP, Device.GPU)
    assert device.backend == "Vulkan"
    assert device.emulated
    assert device.memory_total_bytes > 0
    assert "llvmpipe" in device.description
    assert device.driver_version
    assert device.uuid
    assert not device.pci_address
    assert not any(one.emulated for one in unnamed.devices)


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        ("raise RuntimeError('no driver')", "RuntimeError: no driver"),
        ("import os; os.abort()", "It ended with SIGABRT while it looked for devices"),
        ("import os; os._exit(3)", "It ended with exit code 3 while it looked for devices"),
    ],
    ids=["raises", "aborts", "exits"],
)
async def test_an_engine_that_fails_is_a_problem_and_the_others_answer(
    tmp_path: Path, module: str, problem: str
) -> None:
    await asyncio.to_thread((tmp_path / "openvino.py").write_text, module)

    answer = await told(PYTHONPATH=str(tmp_path))

    assert {one.engine for one in answer.devices} == {ENGINES[0], ENGINES[2]}
    assert list(answer.problems) == ["OPENVINO"]
    assert answer.problems["OPENVINO"].startswith(problem)


def test_an_engine_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openvino.py").write_text("import threading; threading.Event().wait()")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    answer = merged({"OPENVINO": Asked("OPENVINO")}, 0.1)

    assert "did not answer in time" in answer.problems["OPENVINO"]


class Core:
    """An `openvino.Core` of a machine with other devices."""

    def __init__(self, devices: Mapping[str, Mapping[str, Any]]) -> None:
        self._devices = devices
        self.available_devices = list(devices)

    def get_property(self, name: str, key: str) -> Any:
        if key not in self._devices[name]:
            raise RuntimeError(f"Exception from src/inference: Unsupported property {key}")
        return self._devices[name][key]


def test_openvinos_properties_are_told_as_far_as_a_driver_has_them() -> None:
    bus: Any = import_module("openvino._pyopenvino").properties.device.PCIInfo(0, 3, 0, 0)
    gpu: dict[str, Any] = {
        "FULL_DEVICE_NAME": "Intel(R) Arc(TM) B580 Graphics (dGPU)",
        "DEVICE_PCI_INFO": bus,
        "DEVICE_UUID": "86800be2000000000300000000000000",
        "GPU_DEVICE_TOTAL_MEM_SIZE": 12 << 30,
        "DEVICE_ARCHITECTURE": "GPU: vendor=0x8086 arch=v20.1.0",
        "OPTIMIZATION_CAPABILITIES": ["FP32", "FP16", "INT8", "GPU_HW_MATMUL", "EXPORT_IMPORT"],
    }
    npu = {"FULL_DEVICE_NAME": "Intel(R) AI Boost", "NPU_DRIVER_VERSION": 1699}

    found = devices_of(Core({"GPU.1": gpu, "NPU": npu, "AUTO": {}}))

    assert found == [
        EngineDevice(
            engine=LoadSettings.OPENVINO,
            name="GPU.1",
            kind=Device.GPU,
            description="Intel(R) Arc(TM) B580 Graphics (dGPU)",
            pci_address="0000:03:00.0",
            uuid="86800be2-0000-0000-0300-000000000000",
            memory_total_bytes=12 << 30,
            architecture="GPU: vendor=0x8086 arch=v20.1.0",
            number_types=["FP32", "FP16", "INT8"],
        ),
        EngineDevice(
            engine=LoadSettings.OPENVINO,
            name="NPU",
            kind=Device.NPU,
            description="Intel(R) AI Boost",
            driver_version="1699",
        ),
    ]


_FAKE_CUDA = r"""
#include <string.h>
int cuInit(unsigned flags) { return flags; }
int cuDeviceGet(int *device, int number) { *device = 7 + number; return number > 1 ? 101 : 0; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "H100", length); return device != 8; }
int cuDeviceGetPCIBusId(char *id, int length, int device) { strncpy(id, "0000:C1:00.0", length); return device != 8; }
int cuDeviceGetUuid_v2(unsigned char *uuid, int device) { memset(uuid, 0xab, 16); return device != 8; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 5368709120; return device != 8; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { *value = attribute == 75 ? 9 : 0; return device != 8; }
"""  # noqa: E501 - as C programs are


def test_nvidias_driver_says_what_cudas_numbers_mean(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    (tmp_path / "cuda.c").write_text(_FAKE_CUDA)
    library = tmp_path / "libcuda.so"
    command = [compiler, "-shared", "-fPIC", "-o", str(library), str(tmp_path / "cuda.c")]
    subprocess.run(command, check=True)
    driver, device = CudaDriver(str(library)), EngineDevice()

    driver.describe(1, device)

    assert device == EngineDevice(
        description="H100",
        pci_address="0000:c1:00.0",
        uuid="abababab-abab-abab-abab-abababababab",
        memory_total_bytes=5 << 30,
        architecture="sm_90",
    )
    with pytest.raises(RuntimeError, match="answered cuDeviceGet with the error 101"):
        driver.describe(2, device)


@pytest.mark.parametrize(
    ("found", "uuid"),
    [
        ([], ""),
        ([("llvmpipe", "", True)], ""),
        ([("Arc B580", "0000:04:00.0", False), ("Other name", "0000:03:00.0", False)], "1"),
        ([("Arc B580", "", False)], ""),
    ],
    ids=["nothing", "another", "by its address", "without an address"],
)
def test_a_vulkan_device_is_found_again_by_its_place_on_the_bus(
    found: list[tuple[str, str, bool]], uuid: str
) -> None:
    told = [
        VulkanDevice(name, emulated, 0, "Mesa 25", str(number), address)
        for number, (name, address, emulated) in enumerate(found)
    ]

    device = to_wire(CARD, told)

    assert device.uuid == uuid
    assert not device.emulated
    assert (device.memory_total_bytes, device.memory_free_bytes) == (12 << 30, 11 << 30)


def test_without_vulkan_there_are_no_vulkan_devices() -> None:
    assert vulkan_devices("libvulkan-of-nobody.so.1") == []
