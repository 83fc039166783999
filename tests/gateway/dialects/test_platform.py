"""The `platform` dialect: its GPUs and its errors."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.hardware_pb2 import Device, DeviceMetrics, ListDevicesRequest, ListDevicesResponse
from funland_gateway.dialects.platform.errors import ENVELOPE
from funland_gateway.dialects.platform.routes import PLATFORM
from tests.conformance.shapes import lacks, shape_of
from tests.gateway.dialects.asked import asked, call, told
from tests.gateway.dialects.device_messages import (
    BARE,
    CPU,
    EMULATED,
    GIB,
    GONE,
    GPU,
    NPU,
    SLICE,
)

ROUTES = {(route.method, route.path): route for route in PLATFORM.routes}
GPUS = ROUTES["GET", "/api/v1/gpu"]


def gpus(*devices: Device) -> Any:
    described = call(GPUS, asked())
    assert described.message == ListDevicesRequest()
    return told(described, ListDevicesResponse(devices=devices))


def gpu(**metrics: Any) -> Device:
    return Device(device_id="gpu_0", kind=Device.GPU, metrics=DeviceMetrics(**metrics))


def test_gpus_are_told_in_full() -> None:
    body = gpus(CPU, GPU, NPU)

    assert body == {
        "total_gpus": 1,
        "total_memory_mb": 16384,
        "used_memory_mb": 4096,
        "avg_utilization": 45.2,
        "metrics": [
            {
                "gpu_id": 1,
                "name": "NVIDIA GeForce RTX 4090",
                "total_memory_mb": 16384,
                "used_memory_mb": 4096,
                "utilization_percent": 45.2,
                "temperature_c": 58.0,
                "power_watts": 320.5,
            }
        ],
    }
    assert list(lacks(shape_of("platform", "gpu", failed=False), body)) == []


def test_slices_programs_and_cards_that_are_gone_are_not_counted() -> None:
    shown = gpus(GPU, EMULATED, SLICE, GONE, BARE)["metrics"]

    assert [each["gpu_id"] for each in shown] == [1, 3]


def test_a_machine_without_gpus_has_none() -> None:
    assert gpus(CPU) == {
        "total_gpus": 0,
        "total_memory_mb": 0,
        "used_memory_mb": 0,
        "avg_utilization": None,
        "metrics": [],
    }


def test_a_sum_of_what_is_not_all_known_is_null() -> None:
    body = gpus(gpu(memory_total_bytes=GIB, utilization_percent=30), gpu(utilization_percent=41))

    assert (body["total_memory_mb"], body["used_memory_mb"]) == (None, None)
    assert body["avg_utilization"] == 35.5


def test_an_average_is_of_those_that_tell() -> None:
    assert gpus(gpu(utilization_percent=30), gpu())["avg_utilization"] == 30.0


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("INVALID_ARGUMENT", 400),
        ("UNAUTHENTICATED", 401),
        ("PERMISSION_DENIED", 403),
        ("NOT_FOUND", 404),
        ("INTERNAL", 500),
        ("UNIMPLEMENTED", 500),
        ("UNAVAILABLE", 503),
        ("DEADLINE_EXCEEDED", 503),
        ("CANCELLED", 503),
    ],
)
def test_a_failure_is_a_detail_and_a_status(code: str, status: int) -> None:
    error = Error(code=code, reason=ErrorReason.ERROR_REASON_UNSPECIFIED, message="No.")

    assert ENVELOPE.failure(error) == {"detail": "No."}
    assert ENVELOPE.status(error) == status
