"""`system/resources`, `system/load` and `system/health` of the `manager` dialect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from funland.v1.system_pb2 import (
    DiskUse,
    GetHealthReportRequest,
    GetLoadRequest,
    GetResourcesRequest,
    HealthReport,
    Load,
    MemoryUse,
    Resources,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.figures import percent_of, rounded
from funland_gateway.dialects.health import health_word
from funland_gateway.dialects.manager.answers import done
from funland_gateway.dialects.rpcs import GET_HEALTH_REPORT, GET_LOAD, GET_RESOURCES
from funland_gateway.dialects.sizes import gigabytes
from funland_gateway.dialects.times import moment

SPANS: Final = ("1min", "5min", "15min")
"""Of the averages of the load."""

_STORE: Final = "models"
"""What the disk is for that is told."""


def get_resources(incoming: Incoming) -> Unary:
    """Asks what of the machine is in use."""

    def answer(found: Resources) -> Reply:
        data = {
            "cpu": {
                "usage_percent": rounded(found.cpu, "utilization_percent"),
                "cores": found.cpu.cores,
            },
            "memory": _memory(found.memory),
            "disk": _disk(found.disks),
        }
        return done(incoming, data)

    return Unary(GET_RESOURCES, GetResourcesRequest(), answer)


def get_load(incoming: Incoming) -> Unary:
    """Asks how busy machine and server are."""

    def answer(found: Load) -> Reply:
        data = {
            "load_average": _averages(found.averages, 2),
            "load_percent": _averages(found.averages_percent, 1),
            "pressure": {
                "cpu_percent": rounded(found, "cpu_pressure_percent"),
                "memory_percent": rounded(found, "memory_pressure_percent"),
                "io_percent": rounded(found, "io_pressure_percent"),
            },
            "active_requests": found.active_calls,
            "active_sequences": found.active_sequences,
            "waiting_sequences": found.waiting_sequences,
            "active_downloads": found.active_downloads,
        }
        return done(incoming, data)

    return Unary(GET_LOAD, GetLoadRequest(), answer)


def get_health(incoming: Incoming) -> Unary:
    """Asks how each part of the server is."""

    def answer(found: HealthReport) -> Reply:
        data = {
            "status": health_word(found.state),
            "components": {
                part.name: {"status": health_word(part.state), "message": part.message or None}
                for part in found.parts
            },
            "checked_at": moment(found, "time"),
        }
        return done(incoming, data)

    return Unary(GET_HEALTH_REPORT, GetHealthReportRequest(), answer)


def _memory(memory: MemoryUse) -> dict[str, Any]:
    return {
        "total_gb": gigabytes(memory.total_bytes),
        "used_gb": gigabytes(memory.used_bytes),
        "available_gb": gigabytes(memory.available_bytes),
        "usage_percent": percent_of(memory.used_bytes, memory.total_bytes),
    }


def _disk(disks: Sequence[DiskUse]) -> dict[str, Any]:
    """The disk that models are on; the first where none is said to be it."""
    disk = next((each for each in disks if _STORE in each.purposes), disks[0] if disks else None)
    if disk is None:
        return dict.fromkeys(("total_gb", "used_gb", "free_gb", "usage_percent"))
    return {
        "total_gb": gigabytes(disk.total_bytes),
        "used_gb": gigabytes(disk.used_bytes),
        "free_gb": gigabytes(disk.free_bytes),
        "usage_percent": percent_of(disk.used_bytes, disk.total_bytes),
    }


def _averages(averages: Sequence[float], digits: int) -> dict[str, float | None]:
    """By their spans; None where the system does not tell."""
    told = [*averages, *[None] * len(SPANS)]
    return {
        span: None if average is None else round(average, digits)
        for span, average in zip(SPANS, told, strict=False)
    }
