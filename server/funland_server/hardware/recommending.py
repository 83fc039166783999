"""Which devices are worth using for a model: what was measured decides, and nothing else."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from funland.v1.hardware_pb2 import BenchmarkResult, Device, Recommendation
from funland.v1.models_pb2 import LoadSettings
from funland_server.hardware.keys import Engine, identity
from funland_server.hardware.store import Kept

CPU: Final = "cpu_0"
NAMES: Final[Mapping[Engine, str]] = {
    LoadSettings.LLAMA_CPP: "llama.cpp",
    LoadSettings.OPENVINO: "OpenVINO",
    LoadSettings.CTRANSLATE2: "CTranslate2",
}


class _Rank(IntEnum):
    MEASURED = 0
    UNKNOWN = 1
    FAILED = 2
    UNREADABLE = 3
    """No engine that computes there reads the model."""


@dataclass(frozen=True, slots=True)
class _Rated:
    device: Device
    rank: _Rank
    result: BenchmarkResult | None = None
    why: str = ""
    """If it was not measured."""

    @property
    def speed(self) -> float:
        return self.result.tokens_per_second_8_streams if self.result is not None else 0.0


def recommend(
    devices: Sequence[Device],
    kept: Sequence[Kept],
    engine_versions: Mapping[Engine, str],
    readers: Collection[Engine],
) -> list[Recommendation]:
    """One for each device that an engine computes on, the best first.

    What writes most tokens a second for eight streams comes first, then what was not measured, in
    the order of the devices, then what failed.

    Args:
        devices: All that there are.
        kept: What was measured of the model, the latest first.
        engine_versions: Of the engines that are installed.
        readers: The engines that read the model.
    """
    rated = [
        _rated(device, kept, engine_versions, readers)
        for device in devices
        if device.state == Device.AVAILABLE
    ]
    rated.sort(key=lambda each: (each.rank, each.device.emulated and not each.speed, -each.speed))
    cpu = next((each.speed for each in rated if each.device.device_id == CPU), 0.0)
    return [_told(each, cpu) for each in rated]


def _rated(
    device: Device,
    kept: Sequence[Kept],
    engine_versions: Mapping[Engine, str],
    readers: Collection[Engine],
) -> _Rated:
    usable = [each.engine for each in device.engines if each.engine in readers]
    if not usable:
        return _Rated(device, _Rank.UNREADABLE, why="No engine that computes on it reads the model")
    same = identity(device)
    own = [each for each in kept if each.key.device == same and each.key.engine in usable]
    now = [
        each.result
        for each in own
        if each.key.driver_version == device.driver_version
        and each.key.engine_version == engine_versions.get(each.key.engine)
    ]
    if measured := [result for result in now if not result.HasField("error")]:
        best = max(measured, key=lambda result: result.tokens_per_second_8_streams)
        return _Rated(device, _Rank.MEASURED, best)
    if now:
        return _Rated(device, _Rank.FAILED, now[0], f"It failed: {now[0].error.message}")
    return _Rated(device, _Rank.UNKNOWN, why=_unknown(device, own))


def _unknown(device: Device, before: Sequence[Kept]) -> str:
    """Why nothing is known of a device now."""
    if not before:
        return "Not measured with this model yet"
    changed = "driver" if before[0].key.driver_version != device.driver_version else "engine"
    return f"Its {changed} has changed since it was measured"


def _told(rated: _Rated, cpu: float) -> Recommendation:
    recommendation = Recommendation(
        device_id=rated.device.device_id, reason=f"{rated.why.rstrip('.')}.", benchmark=rated.result
    )
    if rated.rank != _Rank.MEASURED or rated.result is None:
        return recommendation
    recommendation.reason = _reason(rated, cpu)
    if cpu:
        recommendation.gain = rated.speed / cpu
    return recommendation


def _reason(rated: _Rated, cpu: float) -> str:
    result = rated.result or BenchmarkResult()
    parts = [
        f"{_figure(rated.speed)} tokens/s for 8 streams, {_figure(result.tokens_per_second)} for"
        f" one, prompts at {_figure(result.prompt_tokens_per_second)}, with {NAMES[result.engine]}"
    ]
    if cpu and rated.device.device_id != CPU:
        parts.append(f"{_times(rated.speed / cpu)} times what the CPU does")
    if result.HasField("joules_per_token"):
        parts.append(f"{result.joules_per_token:.2g} J a token")
    if result.other_calls:
        others = "another call" if result.other_calls == 1 else f"{result.other_calls} other calls"
        parts.append(f"measured beside {others}, so rather too low")
    return f"{'; '.join(parts)}."


def _times(gain: float) -> str:
    return f"{gain:.1f}" if gain >= 1 else f"{gain:.2g}"


def _figure(speed: float) -> str:
    """Three digits are known of it: `1,230`, `45.7`."""
    return f"{speed:,.0f}" if speed >= 100 else f"{speed:.3g}"  # noqa: PLR2004
