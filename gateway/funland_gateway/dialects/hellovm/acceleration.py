"""`hardware/acceleration`: which devices models are computed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from funland.v1.hardware_pb2 import (
    Acceleration,
    GetAccelerationRequest,
    ListRecommendationsRequest,
    ListRecommendationsResponse,
    SetAccelerationRequest,
)
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.hellovm.answers import done
from funland_gateway.dialects.hellovm.merits import UNKNOWN, merits
from funland_gateway.dialects.naming import renamed
from funland_gateway.dialects.reading import JsonObject, chosen
from funland_gateway.dialects.rpcs import GET_ACCELERATION, LIST_RECOMMENDATIONS, SET_ACCELERATION

MODES: Final[Mapping[str, Acceleration.Mode.ValueType]] = {
    "auto": Acceleration.AUTOMATIC,
    "single": Acceleration.SINGLE,
    "hybrid": Acceleration.HYBRID,
}
POWER_MODES: Final[Mapping[str, Acceleration.PowerMode.ValueType]] = {
    "balanced": Acceleration.BALANCED,
    "performance": Acceleration.PERFORMANCE,
    "power_saving": Acceleration.POWER_SAVING,
}
_MODE_NAMES: Final = {mode: word for word, mode in MODES.items()}
_NAMES: Final = {
    "primary_device_id": "primary_device",
    "secondary_device_ids": "secondary_devices",
    "mode": "acceleration_mode",
    "cpu_threads": "config.cpu_threads",
    "gpu_memory_fraction": "config.gpu_memory_fraction",
    "npu_power_mode": "config.npu_power_mode",
}


def set_acceleration(incoming: Incoming) -> Unary:
    """Asks how it is set, and sets it anew.

    What the body leaves out goes back to its default; what the document has no word for stays.
    """
    wanted = _wanted(incoming.body)

    def change(present: Acceleration) -> Unary:
        wanted.fallback_to_cpu = present.fallback_to_cpu
        request = SetAccelerationRequest(acceleration=wanted)
        return Unary(SET_ACCELERATION, request, changed, _field_name)

    def changed(present: Acceleration) -> Unary:
        return Unary(
            LIST_RECOMMENDATIONS,
            ListRecommendationsRequest(),
            lambda advice: _told(incoming, present, advice),
        )

    return Unary(GET_ACCELERATION, GetAccelerationRequest(), change)


def mode_word(mode: Acceleration.Mode.ValueType) -> str:
    """The word for a mode; one that is not said, or newer than this gateway, is `auto`."""
    return _MODE_NAMES.get(mode, "auto")


def _wanted(body: JsonObject) -> Acceleration:
    config = body.object("config") or JsonObject({}, "config")
    return Acceleration(
        primary_device_id=body.optional_string("primary_device"),
        secondary_device_ids=body.strings("secondary_devices"),
        mode=chosen(
            "acceleration_mode",
            body.optional_string("acceleration_mode"),
            MODES,
            Acceleration.MODE_UNSPECIFIED,
        ),
        cpu_threads=config.integer("cpu_threads"),
        gpu_memory_fraction=config.number("gpu_memory_fraction"),
        npu_power_mode=chosen(
            config.path_of("npu_power_mode"),
            config.optional_string("npu_power_mode"),
            POWER_MODES,
            Acceleration.POWER_MODE_UNSPECIFIED,
        ),
    )


def _field_name(path: str) -> str:
    return renamed(path.removeprefix("acceleration."), _NAMES)


def _told(incoming: Incoming, present: Acceleration, advice: ListRecommendationsResponse) -> Reply:
    primary = present.primary_device_id
    first = primary or next(iter(present.effective_device_ids), "")
    known = merits(advice.recommendations).get(first, UNKNOWN)
    used = not primary or primary in present.effective_device_ids
    data = {
        "primary_device": primary or None,
        "secondary_devices": list(present.secondary_device_ids),
        "acceleration_mode": mode_word(present.mode),
        "status": "active" if used else "inactive",
        "estimated_performance": {
            "tokens_per_second": known.tokens_per_second,
            "memory_usage": None,  # nothing measures how well memory is used
            "power_efficiency": known.efficiency,
        },
    }
    return done(incoming, data, "Acceleration configuration updated successfully")
