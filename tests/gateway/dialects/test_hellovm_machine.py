"""What the `hellovm` dialect tells of hardware and system, and how it sets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.struct_pb2 import NULL_VALUE, Value
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.downloads_pb2 import Download, DownloadQueue, Storage
from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.hardware_pb2 import (
    Acceleration,
    BenchmarkResult,
    Device,
    DeviceMetrics,
    GetAccelerationRequest,
    GetDeviceMetricsRequest,
    GetDeviceMetricsResponse,
    ListDevicesRequest,
    ListDevicesResponse,
    ListRecommendationsResponse,
    ReaderProblem,
    Recommendation,
    SetAccelerationRequest,
)
from funland.v1.models_pb2 import ListModelsResponse, Model, Origin
from funland.v1.plugins_pb2 import ListPluginsResponse, Plugin
from funland.v1.system_pb2 import (
    Configuration,
    CpuUse,
    HealthReport,
    MemoryUse,
    PartHealth,
    Performance,
    Resources,
    Setting,
    SystemStatus,
)
from funland_gateway.dialects.dialect import Unary
from funland_gateway.dialects.hellovm.errors import error_body
from funland_gateway.dialects.hellovm.merits import Merits, merits
from funland_gateway.dialects.hellovm.routes import HELLOVM
from tests.conformance.shapes import lacks, shape_of
from tests.gateway.dialects.asked import NOW, asked, call, refused, told
from tests.gateway.dialects.device_messages import (
    BARE,
    CPU,
    EMULATED,
    GIB,
    GONE,
    GPU,
    NPU,
    RECOMMENDATIONS,
    SLICE,
)

ROUTES = {(route.method, route.path): route for route in HELLOVM.routes}
HARDWARE = ROUTES["GET", "/api/v1/hardware"]
METRICS = ROUTES["GET", "/api/v1/hardware/{device_id}/metrics"]
ACCELERATION = ROUTES["POST", "/api/v1/hardware/acceleration"]
STATUS = ROUTES["GET", "/api/v1/system/status"]
CONFIG = ROUTES["GET", "/api/v1/system/config"]

ADVICE = ListRecommendationsResponse(recommendations=RECOMMENDATIONS)
NO_ADVICE = ListRecommendationsResponse()


def devices(*found: Device, detailed: str = "false") -> Any:
    described = call(HARDWARE, asked(detailed=detailed))
    return told(described, ListDevicesResponse(devices=found), ADVICE)


@pytest.mark.parametrize(("refresh", "wanted"), [("false", False), ("true", True)])
def test_devices_are_asked_for_with_what_the_document_shows(refresh: str, wanted: bool) -> None:
    described = call(HARDWARE, asked(refresh=refresh))

    assert described.message == ListDevicesRequest(detailed=True, refresh=wanted)


def test_a_cpu_is_told_in_full() -> None:
    (device,) = devices(CPU)["data"]["devices"]

    assert device == {
        "id": "cpu_0",
        "type": "cpu",
        "name": "Intel Core i7-12700K",
        "vendor": "Intel",
        "architecture": "x86_64",
        "cores": 12,
        "threads": 20,
        "base_frequency": 3600,
        "max_frequency": 5000,
        "memory_total": 32 * GIB,
        "memory_available": 24 * GIB,
        "utilization": 25.5,
        "temperature": 45.0,
        "driver_version": None,
        "supported_instructions": ["SSE4.2", "AVX2", "AVX512_VNNI"],
        "acceleration_technology": None,
        "acceleration_support": True,
        "performance_level": "baseline",
        "power_efficiency": "fair",
        "status": "available",
    }


def test_an_accelerator_is_told_with_what_was_measured() -> None:
    (device,) = devices(GPU)["data"]["devices"]

    assert device == {
        "id": "gpu_1",
        "type": "nvidia_gpu",
        "name": "NVIDIA GeForce RTX 4090",
        "vendor": "NVIDIA",
        "architecture": "sm_89",
        "cores": None,
        "threads": None,
        "base_frequency": None,
        "max_frequency": None,
        "memory_total": 16 * GIB,
        "memory_available": 12 * GIB,
        "utilization": 45.2,
        "temperature": 58.0,
        "driver_version": "580.65.06",
        "supported_instructions": [],
        "acceleration_technology": "CUDA",
        "acceleration_support": True,
        "performance_level": "high",
        "power_efficiency": "excellent",
        "status": "available",
    }


def test_what_is_not_known_of_a_device_is_null() -> None:
    (device,) = devices(BARE)["data"]["devices"]

    known = {key: value for key, value in device.items() if value is not None}
    assert known == {
        "id": "gpu_3",
        "type": "gpu",
        "name": "Some card",
        "supported_instructions": [],
        "acceleration_support": False,
        "status": "unsupported",
    }


@pytest.mark.parametrize(
    ("device", "kind", "technology", "status"),
    [
        (NPU, "intel_npu", "OpenVINO", "available"),
        (GONE, "gpu", None, "unavailable"),
        (Device(kind=Device.GPU, vendor="Acme, Inc."), "acme_inc_gpu", None, "unavailable"),
        (Device(kind=Device.CPU, vendor="AMD", state=Device.AVAILABLE), "cpu", None, "available"),
        (Device(vendor="AMD", state=Device.UNSUPPORTED), "amd_device", None, "unsupported"),
    ],
)
def test_a_devices_kind_has_its_makers_name(
    device: Device, kind: str, technology: str | None, status: str
) -> None:
    (shown,) = devices(device)["data"]["devices"]

    assert (shown["type"], shown["acceleration_technology"], shown["status"]) == (
        kind,
        technology,
        status,
    )


def test_memory_that_is_used_beyond_its_size_leaves_none() -> None:
    metrics = DeviceMetrics(memory_used_bytes=9, memory_total_bytes=8)

    (device,) = devices(Device(kind=Device.GPU, metrics=metrics))["data"]["devices"]

    assert device["memory_available"] == 0


def test_recommendations_keep_their_order_and_make_up_no_gain() -> None:
    told_ = devices(CPU, GPU, NPU)["data"]["acceleration_recommendations"]

    assert told_ == [
        {"device_id": "gpu_1", "reason": "8,000 tokens/s.", "estimated_performance_gain": 3.5},
        {"device_id": "cpu_0", "reason": "2,000 tokens/s.", "estimated_performance_gain": 1.0},
        {"device_id": "npu_0", "reason": "It failed: no.", "estimated_performance_gain": None},
    ]


def test_what_could_not_be_read_is_told() -> None:
    found = ListDevicesResponse(problems=[ReaderProblem(reader="nvidia", message="No driver.")])

    body = told(call(HARDWARE, asked()), found, NO_ADVICE)

    assert body["data"]["problems"] == [{"reader": "nvidia", "message": "No driver."}]


def test_details_are_told_if_they_are_asked_for() -> None:
    cpu, gpu, bare = devices(CPU, GPU, BARE, detailed="true")["data"]["devices"]

    assert "details" not in devices(CPU)["data"]["devices"][0]
    assert (cpu["details"]["usable_cores"], cpu["details"]["machine_cores"]) == (3.5, 16)
    assert gpu["details"]["engines"] == [
        {"engine": "llama.cpp", "name": "CUDA0", "backend": "CUDA"},
        {"engine": "CTranslate2", "name": "cuda:0", "backend": None},
    ]
    assert gpu["details"]["compute_capability"] == "8.9"
    assert gpu["details"]["max_prompt_tokens"] is None
    assert bare["details"] == {
        "state_reason": None,
        "pci_address": None,
        "uuid": None,
        "parent_device_id": None,
        "shares_memory": None,
        "emulated": False,
        "engines": [],
    }


def test_an_answer_has_all_that_the_document_shows() -> None:
    every = devices(CPU, GPU, NPU, BARE, GONE, SLICE, EMULATED)

    assert list(lacks(shape_of("hellovm", "hardware", failed=False), every)) == []


def measured(device_id: str, gain: float | None, joules: float | None) -> Recommendation:
    result = BenchmarkResult(tokens_per_second=10, joules_per_token=joules)
    return Recommendation(device_id=device_id, gain=gain, benchmark=result)


@pytest.mark.parametrize(
    ("gain", "level"),
    [
        (None, None),
        (0, "low"),
        (0.74, "low"),
        (0.75, "baseline"),
        (1.49, "baseline"),
        (1.5, "medium"),
        (2.2, "medium"),
        (3, "high"),
        (40, "high"),
    ],
)
def test_a_level_is_a_word_for_a_measured_gain(gain: float | None, level: str | None) -> None:
    assert merits([measured("gpu_0", gain, None)])["gpu_0"].level == level


@pytest.mark.parametrize(
    ("cpus", "own", "efficiency"),
    [
        (None, 0.1, None),
        (0.1, None, None),
        (0.1, 0, None),
        (3, 1, "excellent"),
        (1.5, 1, "good"),
        (0.75, 1, "fair"),
        (0.74, 1, "poor"),
    ],
)
def test_thrift_is_a_word_for_two_measurements(
    cpus: float | None, own: float | None, efficiency: str | None
) -> None:
    known = merits([measured("cpu_0", 1, cpus), measured("gpu_0", 2, own)])

    assert known["gpu_0"].efficiency == efficiency


def test_a_device_that_failed_has_no_merits() -> None:
    assert merits(RECOMMENDATIONS)["npu_0"] == Merits()


def test_metrics_are_told_with_their_history() -> None:
    before = DeviceMetrics(
        time=Timestamp(seconds=1_699_999_989),
        utilization_percent=42.1,
        temperature_celsius=56,
        memory_used_bytes=GIB,
        memory_total_bytes=2 * GIB,
    )
    described = call(METRICS, asked(path={"device_id": "gpu_1"}))
    found = GetDeviceMetricsResponse(device_id="gpu_1", metrics=GPU.metrics, history=[before])

    body = told(described, found)

    assert described.message == GetDeviceMetricsRequest(device_id="gpu_1")
    assert body["data"] == {
        "device_id": "gpu_1",
        "timestamp": "2023-11-14T22:13:19Z",
        "metrics": {
            "utilization": 45.2,
            "memory_used": 4 * GIB,
            "memory_total": 16 * GIB,
            "memory_percent": 25.0,
            "temperature": 58.0,
            "power_draw": 320.5,
            "power_limit": 450.0,
            "clock_speed": 1300,
            "memory_clock": 2400,
            "fan_speed": 35.0,
        },
        "history": [
            {
                "timestamp": "2023-11-14T22:13:09Z",
                "utilization": 42.1,
                "temperature": 56.0,
                "memory_percent": 50.0,
            }
        ],
    }
    assert list(lacks(shape_of("hellovm", "metrics", failed=False), body)) == []


def test_metrics_that_are_not_known_are_null() -> None:
    found = GetDeviceMetricsResponse(device_id="npu_0", history=[DeviceMetrics()])

    data = told(call(METRICS, asked(path={"device_id": "npu_0"})), found)["data"]

    assert set(data["metrics"].values()) == {None}
    assert set(data["history"][0].values()) == {None}


WANTED: Mapping[str, Any] = {
    "primary_device": "npu_0",
    "secondary_devices": ["gpu_0"],
    "acceleration_mode": "hybrid",
    "config": {"cpu_threads": 8, "gpu_memory_fraction": 0.8, "npu_power_mode": "balanced"},
}
SET = Acceleration(
    primary_device_id="npu_0",
    secondary_device_ids=["gpu_0"],
    mode=Acceleration.HYBRID,
    cpu_threads=8,
    gpu_memory_fraction=0.8,
    npu_power_mode=Acceleration.BALANCED,
)


def setting(body: Mapping[str, Any], present: Acceleration | None = None) -> Unary:
    """The call that sets what a body wants, after how it was has been asked."""
    first = call(ACCELERATION, asked(dict(body)))
    assert first.message == GetAccelerationRequest()
    second = first.answer(present or Acceleration())
    assert isinstance(second, Unary)
    return second


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (WANTED, SET),
        ({}, Acceleration()),
        ({"primary_device": "", "acceleration_mode": "", "config": {}}, Acceleration()),
        ({"acceleration_mode": "auto"}, Acceleration(mode=Acceleration.AUTOMATIC)),
        ({"acceleration_mode": "single"}, Acceleration(mode=Acceleration.SINGLE)),
        ({"secondary_devices": "gpu_1"}, Acceleration(secondary_device_ids=["gpu_1"])),
        (
            {"config": {"npu_power_mode": "power_saving"}},
            Acceleration(npu_power_mode=Acceleration.POWER_SAVING),
        ),
        (
            {"config": {"npu_power_mode": "performance"}},
            Acceleration(npu_power_mode=Acceleration.PERFORMANCE),
        ),
    ],
)
def test_acceleration_is_set_as_the_body_wants(
    body: Mapping[str, Any], wanted: Acceleration
) -> None:
    assert setting(body).message == SetAccelerationRequest(acceleration=wanted)


def test_what_the_document_has_no_word_for_stays() -> None:
    request = setting(WANTED, Acceleration(fallback_to_cpu=True, cpu_threads=3)).message

    wanted = Acceleration(fallback_to_cpu=True)
    wanted.MergeFrom(SET)
    assert request == SetAccelerationRequest(acceleration=wanted)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"acceleration_mode": "turbo"}, "acceleration_mode"),
        ({"config": {"npu_power_mode": "eco"}}, "config.npu_power_mode"),
        ({"config": {"cpu_threads": "8"}}, "config.cpu_threads"),
        ({"config": []}, "config"),
        ({"secondary_devices": [0]}, "secondary_devices[0]"),
    ],
)
def test_what_is_wrong_with_it_is_named(body: dict[str, Any], field: str) -> None:
    assert [each.field for each in refused(ACCELERATION, asked(body)).field_violations] == [field]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("acceleration.primary_device_id", "primary_device"),
        ("acceleration.secondary_device_ids[1]", "secondary_devices[1]"),
        ("acceleration.mode", "acceleration_mode"),
        ("acceleration.cpu_threads", "config.cpu_threads"),
        ("acceleration.gpu_memory_fraction", "config.gpu_memory_fraction"),
        ("acceleration.npu_power_mode", "config.npu_power_mode"),
    ],
)
def test_the_contracts_fields_have_the_bodys_names(path: str, name: str) -> None:
    assert setting({}).field_name(path) == name


def test_what_was_set_is_told_with_what_was_measured() -> None:
    now = Acceleration(
        primary_device_id="gpu_1",
        secondary_device_ids=["npu_0"],
        mode=Acceleration.HYBRID,
        effective_device_ids=["gpu_1", "cpu_0"],
    )

    body = told(setting(WANTED), now, ADVICE)

    assert body["message"] == "Acceleration configuration updated successfully"
    assert body["data"] == {
        "primary_device": "gpu_1",
        "secondary_devices": ["npu_0"],
        "acceleration_mode": "hybrid",
        "status": "active",
        "estimated_performance": {
            "tokens_per_second": 850.3,
            "memory_usage": None,
            "power_efficiency": "excellent",
        },
    }
    assert list(lacks(shape_of("hellovm", "acceleration", failed=False), body)) == []


@pytest.mark.parametrize(
    ("now", "status", "speed"),
    [
        (Acceleration(), "active", None),
        (Acceleration(effective_device_ids=["cpu_0"]), "active", 300.0),
        (Acceleration(primary_device_id="npu_0", effective_device_ids=["cpu_0"]), "inactive", None),
    ],
)
def test_performance_is_that_of_the_device_that_a_load_would_take(
    now: Acceleration, status: str, speed: float | None
) -> None:
    data = told(setting({}), now, ADVICE)["data"]

    assert data["status"] == status
    assert data["estimated_performance"]["tokens_per_second"] == speed


FULL_STATUS = SystemStatus(
    version="0.1.0",
    uptime=Duration(seconds=3600, nanos=9),
    start_time=Timestamp(seconds=1_699_996_400),
    loaded_models=[Model(model_id="a")],
    performance=Performance(
        generations=7, mean_duration=Duration(nanos=850_000_000), tokens_per_second=45.24
    ),
)
DEGRADED = HealthReport(state=PartHealth.DEGRADED)
USED = Resources(
    cpu=CpuUse(utilization_percent=25.34), memory=MemoryUse(total_bytes=1000, used_bytes=685)
)
QUEUE = DownloadQueue(active=[Download()], completed=23, failed=2, downloaded_bytes=156_800_000_000)
MODELS = ListModelsResponse(
    models=[Model(model_id="a"), Model(model_id="b", origin=Origin(hub=Origin.MODELSCOPE))]
)

PLUGINS = ListPluginsResponse(
    plugins=[
        Plugin(state=Plugin.ENABLED, active_executions=2),
        Plugin(state=Plugin.ENABLED),
        Plugin(state=Plugin.ENABLED, beta=True, active_executions=1),
        Plugin(state=Plugin.DISABLED),
    ]
)


def status(
    of_server: SystemStatus, used: Resources, found: ListDevicesResponse, chosen: Acceleration
) -> Any:
    storage = Storage(models_bytes=45_200_000_000)
    parts = (of_server, DEGRADED, used, found, chosen, storage, QUEUE, PLUGINS)
    return told(call(STATUS, asked()), *parts, MODELS)


def test_the_systems_status_is_told_in_full() -> None:
    found = ListDevicesResponse(devices=[CPU, GPU, BARE, GONE])
    chosen = Acceleration(effective_device_ids=["gpu_1", "cpu_0"])

    body = status(FULL_STATUS, USED, found, chosen)

    assert body["message"] == "System status retrieved successfully"
    assert body["data"] == {
        "system": {
            "version": "0.1.0",
            "uptime": 3600,
            "status": "degraded",
            "start_time": "2023-11-14T21:13:20Z",
        },
        "hardware": {
            "total_devices": 4,
            "active_devices": 2,
            "acceleration_enabled": True,
            "primary_device": "gpu_1",
        },
        "models": {
            "total_models": 2,
            "downloaded_models": 1,
            "active_models": 1,
            "total_size": "45.2GB",
        },
        "downloads": {
            "active_downloads": 1,
            "completed_downloads": 23,
            "failed_downloads": 2,
            "total_downloaded": "156.8GB",
        },
        "performance": {
            "average_inference_time": 0.85,
            "tokens_per_second": 45.2,
            "memory_usage": 68.5,
            "cpu_usage": 25.3,
        },
        "plugins": {"total_plugins": 4, "enabled_plugins": 2, "active_plugins": 2},
    }
    assert list(lacks(shape_of("hellovm", "status", failed=False), body)) == []


def test_what_was_not_measured_of_the_system_is_null() -> None:
    data = status(SystemStatus(), Resources(), ListDevicesResponse(), Acceleration())["data"]

    assert set(data["performance"].values()) == {None}
    assert data["hardware"]["primary_device"] is None


@pytest.mark.parametrize(
    ("chosen", "enabled"),
    [
        (Acceleration(effective_device_ids=["cpu_0"]), False),
        (Acceleration(effective_device_ids=["gpu_1"]), True),
        (Acceleration(effective_device_ids=["gpu_4"]), False),
        (Acceleration(primary_device_id="gpu_1", effective_device_ids=["cpu_0"]), False),
    ],
)
def test_acceleration_is_enabled_if_a_load_would_take_an_accelerator(
    chosen: Acceleration, enabled: bool
) -> None:
    data = status(FULL_STATUS, USED, ListDevicesResponse(devices=[CPU, GPU, GONE]), chosen)["data"]

    assert data["hardware"]["acceleration_enabled"] is enabled


def settings(**values: Value) -> Configuration:
    return Configuration(
        settings=[Setting(name=f"server.{name}", value=value) for name, value in values.items()]
    )


def test_the_systems_configuration_is_told_in_full() -> None:
    described = call(CONFIG, asked())
    kept = settings(
        download_jobs=Value(number_value=3),
        download_connections=Value(number_value=8),
        default_model=Value(string_value="qwen"),
        max_context_length=Value(number_value=32768),
        threads=Value(number_value=4),
        plugin_memory_bytes=Value(number_value=2_000_000_000),
    )

    body = told(described, kept, SET)

    assert described.message.prefix == "server."  # type: ignore[attr-defined] - of a request
    assert body["data"] == {
        "general": {
            "language": None,
            "theme": None,
            "auto_start": None,
            "minimize_to_tray": None,
        },
        "hardware": {
            "auto_detection": True,
            "preferred_device": "npu",
            "acceleration_mode": "hybrid",
            "cpu_threads": 8,
            "gpu_memory_fraction": 0.8,
        },
        "downloads": {
            "max_concurrent": 3,
            "max_threads": 8,
            "download_path": "/models",
            "auto_verify": True,
            "resume_downloads": True,
        },
        "chat": {
            "default_model": "qwen",
            "max_context_length": 32768,
            "auto_save": True,
            "enable_streaming": True,
        },
        "plugins": {"auto_load": True, "sandbox_mode": True, "max_memory": "2GB"},
    }
    assert list(lacks(shape_of("hellovm", "config", failed=False), body)) == []


@pytest.mark.parametrize(
    ("threads", "shown"), [(Value(null_value=NULL_VALUE), None), (Value(number_value=4), 4)]
)
def test_without_acceleration_the_servers_settings_count(threads: Value, shown: int | None) -> None:
    hardware = told(call(CONFIG, asked()), settings(threads=threads), Acceleration())["data"][
        "hardware"
    ]

    assert hardware == {
        "auto_detection": True,
        "preferred_device": None,
        "acceleration_mode": "auto",
        "cpu_threads": shown,
        "gpu_memory_fraction": 0.9,
    }


def test_a_device_that_is_not_there_is_named() -> None:
    missing = Error(
        code="NOT_FOUND",
        reason=ErrorReason.DEVICE_NOT_FOUND,
        message="No.",
        metadata={"device_id": "gpu_9"},
    )

    body = error_body(missing, NOW)

    assert body["code"] == 404
    assert (body["error"]["resource"], body["error"]["resource_id"]) == ("device", "gpu_9")
