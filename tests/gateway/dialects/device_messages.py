"""A CPU, a GPU, an NPU and others, with all that can be told of them, and with nothing."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.errors_pb2 import Error
from funland.v1.hardware_pb2 import (
    AcceleratorDetails,
    BenchmarkResult,
    CpuDetails,
    Device,
    DeviceEngine,
    DeviceMetrics,
    Recommendation,
)
from funland.v1.models_pb2 import LoadSettings

GIB = 1 << 30

CPU = Device(
    device_id="cpu_0",
    kind=Device.CPU,
    state=Device.AVAILABLE,
    name="Intel Core i7-12700K",
    vendor="Intel",
    architecture="x86_64",
    engines=[DeviceEngine(engine=LoadSettings.LLAMA_CPP, name="CPU", backend="CPU")],
    metrics=DeviceMetrics(
        utilization_percent=25.46,
        memory_total_bytes=32 * GIB,
        memory_used_bytes=8 * GIB,
        temperature_celsius=45.04,
    ),
    cpu=CpuDetails(
        usable_cores=3.5,
        cores=12,
        threads=20,
        machine_cores=16,
        base_mhz=3600.4,
        max_mhz=5000,
        instruction_sets=["SSE4_2", "AVX2", "AVX512_VNNI"],
    ),
)

GPU = Device(
    device_id="gpu_1",
    kind=Device.GPU,
    state=Device.AVAILABLE,
    name="NVIDIA GeForce RTX 4090",
    vendor="NVIDIA",
    architecture="sm_89",
    driver_version="580.65.06",
    pci_address="0000:01:00.0",
    uuid="GPU-1",
    engines=[
        DeviceEngine(engine=LoadSettings.LLAMA_CPP, name="CUDA0", backend="CUDA"),
        DeviceEngine(engine=LoadSettings.CTRANSLATE2, name="cuda:0"),
    ],
    metrics=DeviceMetrics(
        time=Timestamp(seconds=1_699_999_999),
        utilization_percent=45.2,
        memory_used_bytes=4 * GIB,
        memory_total_bytes=16 * GIB,
        temperature_celsius=58,
        power_watts=320.54,
        power_limit_watts=450,
        clock_mhz=1300.2,
        memory_clock_mhz=2400,
        fan_percent=35,
    ),
    accelerator=AcceleratorDetails(
        compute_capability="8.9", api_version="13.0", number_types=["FP16"], pcie_lanes=16
    ),
)

NPU = Device(
    device_id="npu_0",
    kind=Device.NPU,
    state=Device.AVAILABLE,
    name="Intel AI Boost",
    vendor="Intel",
    engines=[DeviceEngine(engine=LoadSettings.OPENVINO, name="NPU")],
    accelerator=AcceleratorDetails(max_prompt_tokens=1024),
)

BARE = Device(device_id="gpu_3", kind=Device.GPU, state=Device.UNSUPPORTED, name="Some card")

GONE = Device(device_id="gpu_4", kind=Device.GPU, state=Device.UNAVAILABLE, name="A card")

SLICE = Device(
    device_id="gpu_5",
    kind=Device.GPU,
    state=Device.AVAILABLE,
    name="A slice",
    parent_device_id="gpu_1",
)

EMULATED = Device(
    device_id="gpu_2", kind=Device.GPU, state=Device.AVAILABLE, name="llvmpipe", emulated=True
)

RECOMMENDATIONS = [
    Recommendation(
        device_id="gpu_1",
        reason="8,000 tokens/s.",
        gain=3.504,
        benchmark=BenchmarkResult(tokens_per_second=850.26, joules_per_token=0.05),
    ),
    Recommendation(
        device_id="cpu_0",
        reason="2,000 tokens/s.",
        gain=1,
        benchmark=BenchmarkResult(tokens_per_second=300, joules_per_token=0.2),
    ),
    Recommendation(
        device_id="npu_0",
        reason="It failed: no.",
        benchmark=BenchmarkResult(error=Error(code="INTERNAL"), joules_per_token=0.001),
    ),
]
