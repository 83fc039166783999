"""Tells people of devices: what they are, what computes on them, what they do now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from funland.v1.hardware_pb2 import Acceleration, Device, DeviceMetrics
from funland.v1.models_pb2 import LoadSettings
from funland_cli.output import size
from funland_cli.views import word

COLUMNS: Final = ("DEVICE", "NAME", "COMPUTED BY", "MEMORY", ">USE", ">TEMP", ">POWER")
ENGINES: Final[Mapping[LoadSettings.Engine.ValueType, str]] = {
    LoadSettings.LLAMA_CPP: "llama.cpp",
    LoadSettings.OPENVINO: "OpenVINO",
    LoadSettings.CTRANSLATE2: "CTranslate2",
}
_BAR: Final = 10
_LEVELS: Final = "▁▂▃▄▅▆▇█"
_HIGHEST: Final = 100.0


def row(device: Device) -> tuple[str, ...]:
    """A device in a list of them; what can't be read is empty."""
    now = device.metrics
    return (
        device.device_id,
        device.name,
        computed_by(device),
        memory(now),
        _percent(now),
        _temperature(now),
        power(now),
    )


def remarks(devices: Sequence[Device]) -> Iterator[str]:
    """What a list of devices does not say: why some can't be used."""
    for device in devices:
        if device.state_reason:
            yield f"{device.device_id}: {device.state_reason}"


def computed_by(device: Device) -> str:
    """The engines that compute there: `llama.cpp (CUDA), CTranslate2`; else why none does."""
    if device.state != Device.AVAILABLE:
        return word(Device.State, device.state)
    names = [
        ENGINES.get(each.engine, "")
        + (f" ({each.backend})" if each.backend and device.kind != Device.CPU else "")
        for each in device.engines
    ]
    return ", ".join(filter(None, names))


def memory(now: DeviceMetrics) -> str:
    """How much of it is in use: `██████▌    6.2 GB of 10.0 GB`."""
    if not now.HasField("memory_total_bytes"):
        return ""
    if not now.HasField("memory_used_bytes"):
        return size(now.memory_total_bytes)
    share = now.memory_used_bytes / max(now.memory_total_bytes, 1)
    told = f"{size(now.memory_used_bytes) or '0 B'} of {size(now.memory_total_bytes)}"
    return f"{bar(share)} {told}"


def bar(share: float) -> str:
    """A share from 0 to 1, drawn."""
    halves = round(2 * _BAR * min(max(share, 0.0), 1.0))
    return ("█" * (halves // 2) + "▌" * (halves % 2)).ljust(_BAR, "·")


def power(now: DeviceMetrics) -> str:
    """What it takes, and may take: `87 of 350 W`."""
    if not now.HasField("power_watts"):
        return ""
    limit = f" of {now.power_limit_watts:.0f}" if now.HasField("power_limit_watts") else ""
    return f"{now.power_watts:.0f}{limit} W"


def sparkline(percents: Sequence[float]) -> str:
    """Shares from 0 to 100, drawn one beside the other."""
    last = len(_LEVELS) - 1
    return "".join(
        _LEVELS[round(last * min(max(each, 0.0), _HIGHEST) / _HIGHEST)] for each in percents
    )


def all_of(device: Device, history: Sequence[DeviceMetrics]) -> Iterator[tuple[str, str]]:
    """All that is known of a device, by name; what is not known is empty. `history` has samples of
    before, the newest first."""
    yield "device", device.device_id
    yield "kind", word(Device.Kind, device.kind)
    yield "state", word(Device.State, device.state)
    yield "because", device.state_reason
    yield "name", device.name
    yield "vendor", device.vendor
    yield "architecture", device.architecture
    yield "driver", device.driver_version
    yield "bus", device.pci_address
    yield "uuid", device.uuid
    yield "slice of", device.parent_device_id
    yield "emulated", "yes: a program on the CPU does its work" if device.emulated else ""
    yield (
        "computed by",
        ", ".join(f"{ENGINES.get(each.engine, '')} as {each.name}" for each in device.engines),
    )
    yield from _cpu(device)
    yield from _accelerator(device)
    yield from _now(device.metrics, history)


def acceleration(now: Acceleration) -> Iterator[tuple[str, str]]:
    """Which devices models are computed on, by name."""
    threads = str(now.cpu_threads) if now.HasField("cpu_threads") else "as the server's setting has"
    share = now.gpu_memory_fraction
    yield "mode", word(Acceleration.Mode, now.mode or Acceleration.AUTOMATIC)
    yield "first", now.primary_device_id
    yield "then", ", ".join(now.secondary_device_ids)
    primary = now.primary_device_id
    nothing = f"nothing: {primary} is not there, or not available" if primary else ""
    yield "so now", ", ".join(now.effective_device_ids) or nothing
    yield "threads", threads
    yield "GPU memory", f"{share:.0%}" if now.HasField("gpu_memory_fraction") else ""
    power_mode = word(Acceleration.PowerMode, now.npu_power_mode or Acceleration.BALANCED)
    yield "NPU", power_mode.replace("_", " ")
    yield "if it fails", "the CPU computes" if now.fallback_to_cpu else "the load fails"


def _cpu(device: Device) -> Iterator[tuple[str, str]]:
    if not device.HasField("cpu"):
        return
    cpu = device.cpu
    yield "may use", f"{cpu.usable_cores:g} of {cpu.cores} cores, {cpu.threads} threads"
    machine = [
        f"{cpu.machine_cores} cores" if cpu.HasField("machine_cores") else "",
        f"{cpu.machine_threads} threads" if cpu.HasField("machine_threads") else "",
        f"{cpu.sockets} sockets" if cpu.HasField("sockets") else "",
    ]
    yield "machine", ", ".join(filter(None, machine))
    speeds = [
        f"{cpu.base_mhz:.0f} MHz" if cpu.HasField("base_mhz") else "",
        f"at most {cpu.max_mhz:.0f} MHz" if cpu.HasField("max_mhz") else "",
    ]
    yield "clock", ", ".join(filter(None, speeds))
    yield "instructions", ", ".join(cpu.instruction_sets)
    yield "last cache", size(cpu.last_level_cache_bytes)


def _accelerator(device: Device) -> Iterator[tuple[str, str]]:
    if not device.HasField("accelerator"):
        return
    more = device.accelerator
    yield "capability", more.compute_capability
    yield "API", more.api_version
    yield "units", str(more.compute_units) if more.HasField("compute_units") else ""
    yield "numbers", ", ".join(more.number_types)
    if more.HasField("pcie_generation"):
        lanes = f" x{more.pcie_lanes}" if more.HasField("pcie_lanes") else ""
        yield "PCI Express", f"{more.pcie_generation}{lanes}"
    yield "slice", more.mig_profile
    if more.HasField("max_prompt_tokens"):
        yield "prompts", f"up to {more.max_prompt_tokens} tokens"


def _now(now: DeviceMetrics, history: Sequence[DeviceMetrics]) -> Iterator[tuple[str, str]]:
    yield "memory", memory(now)
    yield "use", _percent(now)
    seen = [each.utilization_percent for each in history if each.HasField("utilization_percent")]
    yield "use before", sparkline(seen[::-1])
    yield "temperature", _temperature(now)
    yield "power", power(now)
    yield "runs at", f"{now.clock_mhz:.0f} MHz" if now.HasField("clock_mhz") else ""
    yield "memory at", f"{now.memory_clock_mhz:.0f} MHz" if now.HasField("memory_clock_mhz") else ""
    yield "fan", f"{now.fan_percent:.0f} %" if now.HasField("fan_percent") else ""


def _temperature(now: DeviceMetrics) -> str:
    return f"{now.temperature_celsius:.0f} °C" if now.HasField("temperature_celsius") else ""


def _percent(now: DeviceMetrics) -> str:
    return f"{now.utilization_percent:.0f} %" if now.HasField("utilization_percent") else ""
