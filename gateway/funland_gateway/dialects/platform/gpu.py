"""`gpu`: the graphics processors of the machine, and what they do now."""

from __future__ import annotations

from typing import Any, Final

from funland.v1.hardware_pb2 import Device, DeviceMetrics, ListDevicesRequest, ListDevicesResponse
from funland_gateway.dialects.cards import is_card, mean, total
from funland_gateway.dialects.dialect import Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.figures import rounded
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.rpcs import LIST_DEVICES

_MEGABYTE: Final = 1 << 20
"""The document's: a card of 16 GiB has 16384 of them."""


def get_gpus(_incoming: Incoming) -> Unary:
    """Asks for the devices."""
    return Unary(LIST_DEVICES, ListDevicesRequest(), _answer)


def _answer(found: ListDevicesResponse) -> Reply:
    metrics = [_gpu(device) for device in found.devices if is_card(device)]
    return json_reply(
        {
            "total_gpus": len(metrics),
            "total_memory_mb": total([each["total_memory_mb"] for each in metrics]),
            "used_memory_mb": total([each["used_memory_mb"] for each in metrics]),
            "avg_utilization": mean([each["utilization_percent"] for each in metrics]),
            "metrics": metrics,
        }
    )


def _gpu(device: Device) -> dict[str, Any]:
    now = device.metrics
    number = device.device_id.rpartition("_")[2]
    return {
        "gpu_id": int(number) if number.isdecimal() else None,
        "name": device.name or None,
        "total_memory_mb": _megabytes(now, "memory_total_bytes"),
        "used_memory_mb": _megabytes(now, "memory_used_bytes"),
        "utilization_percent": rounded(now, "utilization_percent"),
        "temperature_c": rounded(now, "temperature_celsius"),
        "power_watts": rounded(now, "power_watts"),
    }


def _megabytes(metrics: DeviceMetrics, field: str) -> int | None:
    count = optional(metrics, field)
    return None if count is None else round(count / _MEGABYTE)
