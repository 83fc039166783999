"""What a benchmark is kept under: who measured it, of what, with what."""

from __future__ import annotations

from dataclasses import dataclass

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland_server.models.loading.engines import engine_version

Engine = LoadSettings.Engine.ValueType


@dataclass(frozen=True, slots=True)
class Key:
    """Two benchmarks of one key are comparable, and the later one counts."""

    device: str
    """See `identity`."""
    model_sha256: str
    engine: Engine
    engine_version: str
    driver_version: str


def identity(device: Device) -> str:
    """What tells a device from any other that this machine had or will have.

    A CPU of which this server may use more, or less, than it might is another one.
    """
    if device.uuid:
        return device.uuid
    parts = [device.pci_address or device.device_id, device.name, device.architecture]
    if device.HasField("cpu"):
        parts.append(f"{device.cpu.usable_cores:g}")
    return "|".join(parts)


def key(device: Device, model_sha256: str, engine: Engine) -> Key:
    """The key of a benchmark that is made now."""
    return Key(
        device=identity(device),
        model_sha256=model_sha256,
        engine=engine,
        engine_version=engine_version(engine),
        driver_version=device.driver_version,
    )
