"""What `hardware?detailed=true` tells of a device beside what the `hellovm` document shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from funland.v1.hardware_pb2 import AcceleratorDetails, CpuDetails, Device
from funland.v1.models_pb2 import LoadSettings
from funland_gateway.dialects.optional import optional

ENGINES: Final[Mapping[LoadSettings.Engine.ValueType, str]] = {
    LoadSettings.LLAMA_CPP: "llama.cpp",
    LoadSettings.OPENVINO: "OpenVINO",
    LoadSettings.CTRANSLATE2: "CTranslate2",
}
"""Engines by their own names."""


def details(device: Device) -> dict[str, Any]:
    """All that is known, under the contract's names."""
    return {
        "state_reason": device.state_reason or None,
        "pci_address": device.pci_address or None,
        "uuid": device.uuid or None,
        "parent_device_id": device.parent_device_id or None,
        "shares_memory": optional(device, "shares_memory"),
        "emulated": device.emulated,
        "engines": [
            {
                "engine": ENGINES.get(engine.engine),
                "name": engine.name,
                "backend": engine.backend or None,
            }
            for engine in device.engines
        ],
        **(_cpu(device.cpu) if device.HasField("cpu") else {}),
        **(_accelerator(device.accelerator) if device.HasField("accelerator") else {}),
    }


def _cpu(cpu: CpuDetails) -> dict[str, Any]:
    return {
        "usable_cores": round(cpu.usable_cores, 2),
        "machine_cores": optional(cpu, "machine_cores"),
        "machine_threads": optional(cpu, "machine_threads"),
        "sockets": optional(cpu, "sockets"),
        "last_level_cache_bytes": optional(cpu, "last_level_cache_bytes"),
        "memory_nodes": optional(cpu, "memory_nodes"),
    }


def _accelerator(accelerator: AcceleratorDetails) -> dict[str, Any]:
    return {
        "compute_capability": accelerator.compute_capability or None,
        "api_version": accelerator.api_version or None,
        "compute_units": optional(accelerator, "compute_units"),
        "number_types": list(accelerator.number_types),
        "pcie_generation": optional(accelerator, "pcie_generation"),
        "pcie_lanes": optional(accelerator, "pcie_lanes"),
        "mig_profile": accelerator.mig_profile or None,
        "max_prompt_tokens": optional(accelerator, "max_prompt_tokens"),
    }
