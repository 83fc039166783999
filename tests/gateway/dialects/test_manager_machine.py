"""What the `manager` dialect tells of the machine."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.system_pb2 import (
    CpuUse,
    DiskUse,
    HealthReport,
    Load,
    MemoryUse,
    PartHealth,
    Resources,
)
from funland_gateway.dialects.manager.routes import MANAGER
from tests.conformance.shapes import lacks, shape_of
from tests.gateway.dialects.asked import TOLD_NOW, asked, call, told

ROUTES = {route.path: route for route in MANAGER.routes}

HOME = DiskUse(purposes=["home"], total_bytes=1, used_bytes=1)
STORE = DiskUse(
    purposes=["database", "models"],
    total_bytes=500_000_000_000,
    used_bytes=250_000_000_000,
    free_bytes=200_000_000_000,
)
MEMORY = MemoryUse(
    total_bytes=16_000_000_000, used_bytes=8_500_000_000, available_bytes=7_500_000_000
)


def answer(path: str, response: Any) -> Any:
    return told(call(ROUTES[path], asked()), response)


def test_resources_are_told_in_full() -> None:
    body = answer(
        "/api/system/resources",
        Resources(
            cpu=CpuUse(utilization_percent=25.51, cores=8), memory=MEMORY, disks=[HOME, STORE]
        ),
    )

    assert body["data"] == {
        "cpu": {"usage_percent": 25.5, "cores": 8},
        "memory": {
            "total_gb": 16.0,
            "used_gb": 8.5,
            "available_gb": 7.5,
            "usage_percent": 53.1,
        },
        "disk": {"total_gb": 500.0, "used_gb": 250.0, "free_gb": 200.0, "usage_percent": 50.0},
    }
    assert list(lacks(shape_of("manager", "resources", failed=False), body)) == []


@pytest.mark.parametrize(
    ("disks", "total"), [([STORE, HOME], 500.0), ([HOME, STORE], 500.0), ([HOME], 0.0), ([], None)]
)
def test_the_disk_is_that_of_the_models(disks: list[DiskUse], total: float | None) -> None:
    body = answer("/api/system/resources", Resources(disks=disks))

    assert body["data"]["disk"]["total_gb"] == total
    assert body["data"]["cpu"]["usage_percent"] is None


def test_the_load_is_told_in_full() -> None:
    found = Load(
        averages=[0.518, 1, 2],
        averages_percent=[25.92, 50, 100],
        cpu_pressure_percent=1.26,
        memory_pressure_percent=0,
        active_calls=3,
        active_sequences=2,
        waiting_sequences=1,
        active_downloads=4,
    )

    assert answer("/api/system/load", found)["data"] == {
        "load_average": {"1min": 0.52, "5min": 1.0, "15min": 2.0},
        "load_percent": {"1min": 25.9, "5min": 50.0, "15min": 100.0},
        "pressure": {"cpu_percent": 1.3, "memory_percent": 0.0, "io_percent": None},
        "active_requests": 3,
        "active_sequences": 2,
        "waiting_sequences": 1,
        "active_downloads": 4,
    }


def test_averages_that_the_system_does_not_tell_are_null() -> None:
    data = answer("/api/system/load", Load())["data"]

    spans = {"1min": None, "5min": None, "15min": None}
    assert (data["load_average"], data["load_percent"]) == (spans, spans)


def test_health_is_told_part_by_part() -> None:
    report = HealthReport(
        state=PartHealth.FAILED,
        parts=[
            PartHealth(name="database", state=PartHealth.FAILED, message="It does not answer."),
            PartHealth(name="disk", state=PartHealth.DEGRADED, message="Nearly full."),
            PartHealth(name="models", state=PartHealth.HEALTHY),
            PartHealth(name="newer"),
        ],
        time=Timestamp(seconds=1_700_000_000),
    )

    assert answer("/api/system/health", report)["data"] == {
        "status": "unhealthy",
        "components": {
            "database": {"status": "unhealthy", "message": "It does not answer."},
            "disk": {"status": "degraded", "message": "Nearly full."},
            "models": {"status": "healthy", "message": None},
            "newer": {"status": "unknown", "message": None},
        },
        "checked_at": TOLD_NOW,
    }
