"""`hardware` and `hardware/{device_id}/metrics`: the devices of the machine."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from funland.v1.hardware_pb2 import (
    Device,
    DeviceMetrics,
    GetDeviceMetricsRequest,
    GetDeviceMetricsResponse,
    ListDevicesRequest,
    ListDevicesResponse,
    ListRecommendationsResponse,
)
from funland_gateway.dialects.asking import asked_in_turn
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.figures import percent_of, rounded, whole
from funland_gateway.dialects.hellovm.answers import done
from funland_gateway.dialects.hellovm.details import ENGINES, details
from funland_gateway.dialects.hellovm.merits import UNKNOWN, Merits, merits
from funland_gateway.dialects.optional import optional
from funland_gateway.dialects.query import Parameter, switch
from funland_gateway.dialects.rpcs import GET_DEVICE_METRICS, LIST_DEVICES, LIST_RECOMMENDATIONS
from funland_gateway.dialects.times import moment

DETAILED: Final = switch("detailed", "Whether to tell each device's `details` too.")
REFRESH: Final = switch("refresh", "Whether to look for devices anew.")

LIST_QUERY: Final[tuple[Parameter[Any], ...]] = (DETAILED, REFRESH)

STATES: Final[Mapping[Device.State.ValueType, str]] = {
    Device.AVAILABLE: "available",
    Device.UNSUPPORTED: "unsupported",
    Device.UNAVAILABLE: "unavailable",
}
_KINDS: Final[Mapping[Device.Kind.ValueType, str]] = {
    Device.CPU: "cpu",
    Device.GPU: "gpu",
    Device.NPU: "npu",
}


def list_devices(incoming: Incoming) -> Unary:
    """Asks for the devices, then for what was measured of them."""
    detailed = DETAILED.of(incoming.query)
    # What the document shows of a CPU without asking for details is among the contract's details.
    request = ListDevicesRequest(detailed=True, refresh=REFRESH.of(incoming.query))

    def answer(found: ListDevicesResponse, advice: ListRecommendationsResponse) -> Reply:
        known = merits(advice.recommendations)
        data = {
            "devices": [
                _device(device, known.get(device.device_id, UNKNOWN))
                | ({"details": details(device)} if detailed else {})
                for device in found.devices
            ],
            "acceleration_recommendations": [
                {
                    "device_id": each.device_id,
                    "reason": each.reason,
                    "estimated_performance_gain": known[each.device_id].gain,
                }
                for each in advice.recommendations
            ],
            "problems": [
                {"reader": problem.reader, "message": problem.message} for problem in found.problems
            ],
        }
        return done(incoming, data)

    return asked_in_turn([(LIST_DEVICES, request), LIST_RECOMMENDATIONS], answer)


def get_metrics(incoming: Incoming) -> Unary:
    """Asks what a device does now, and what it did before."""

    def answer(found: GetDeviceMetricsResponse) -> Reply:
        now = found.metrics
        data = {
            "device_id": found.device_id,
            "timestamp": moment(now, "time"),
            "metrics": {
                "utilization": rounded(now, "utilization_percent"),
                "memory_used": optional(now, "memory_used_bytes"),
                "memory_total": optional(now, "memory_total_bytes"),
                "memory_percent": _memory_percent(now),
                "temperature": rounded(now, "temperature_celsius"),
                "power_draw": rounded(now, "power_watts"),
                "power_limit": rounded(now, "power_limit_watts"),
                "clock_speed": whole(now, "clock_mhz"),
                "memory_clock": whole(now, "memory_clock_mhz"),
                "fan_speed": rounded(now, "fan_percent"),
            },
            "history": [
                {
                    "timestamp": moment(sample, "time"),
                    "utilization": rounded(sample, "utilization_percent"),
                    "temperature": rounded(sample, "temperature_celsius"),
                    "memory_percent": _memory_percent(sample),
                }
                for sample in found.history
            ],
        }
        return done(incoming, data)

    request = GetDeviceMetricsRequest(device_id=incoming.path["device_id"])
    return Unary(GET_DEVICE_METRICS, request, answer)


def _device(device: Device, known: Merits) -> dict[str, Any]:
    cpu, now = device.cpu, device.metrics
    is_cpu = device.HasField("cpu")
    total = optional(now, "memory_total_bytes")
    used = optional(now, "memory_used_bytes")
    free = None if total is None or used is None else max(total - used, 0)
    return {
        "id": device.device_id,
        "type": _type(device),
        "name": device.name or None,
        "vendor": device.vendor or None,
        "architecture": device.architecture or None,
        "cores": cpu.cores if is_cpu else None,
        "threads": cpu.threads if is_cpu else None,
        "base_frequency": whole(cpu, "base_mhz"),
        "max_frequency": whole(cpu, "max_mhz"),
        "memory_total": total,
        "memory_available": free,
        "utilization": rounded(now, "utilization_percent"),
        "temperature": rounded(now, "temperature_celsius"),
        "driver_version": device.driver_version or None,
        "supported_instructions": [_instructions(name) for name in cpu.instruction_sets],
        "acceleration_technology": _technology(device),
        "acceleration_support": device.state == Device.AVAILABLE,
        "performance_level": known.level,
        "power_efficiency": known.efficiency,
        "status": STATES.get(device.state, "unavailable"),
    }


def _type(device: Device) -> str:
    """`cpu`, `intel_gpu`, `nvidia_gpu`, `intel_npu`; `gpu` of nobody knows whom."""
    kind = _KINDS.get(device.kind, "device")
    maker = re.sub(r"[^a-z0-9]+", "_", device.vendor.lower()).strip("_")
    return kind if device.kind == Device.CPU or not maker else f"{maker}_{kind}"


def _instructions(name: str) -> str:
    """A set of instructions as the document writes it: `SSE4.2`."""
    return name.replace("SSE4_", "SSE4.")


def _technology(device: Device) -> str | None:
    """What computes on an accelerator: that of the engine that is preferred there."""
    if device.kind == Device.CPU or not device.engines:
        return None
    engine = device.engines[0]
    return engine.backend or ENGINES.get(engine.engine)


def _memory_percent(metrics: DeviceMetrics) -> float | None:
    return percent_of(
        optional(metrics, "memory_used_bytes"), optional(metrics, "memory_total_bytes")
    )
