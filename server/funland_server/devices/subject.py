"""What is placed, on what, and where it then is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from funland.v1.hardware_pb2 import Acceleration, Device
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.candidates import Engine, Readers, Rooms
from funland_server.devices.fitting import Parts
from funland_server.workers.spec import PlacedDevice


@dataclass(frozen=True, slots=True)
class Subject:
    """The model that is to be placed."""

    model_id: str
    readers: Readers
    parts: Parts
    corrections: Mapping[str, float] = field(default_factory=dict[str, float])
    """What it took the last time as a multiple of what was expected, by device."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model is computed."""

    engine: Engine = LoadSettings.ENGINE_UNSPECIFIED
    """Unspecified: as the settings have it, or else as the worker chooses."""
    devices: tuple[PlacedDevice, ...] = ()
    """In the order of their layers; the CPU among them only if the engine wants it named. Empty:
    the CPU, or what `LoadSettings.device` names."""
    gpu_layers: int | None = None
    """How many layers are on devices, the output's included; None: the engine has no such parts."""
    host_bytes: int = 0
    """What is in the machine's memory, that of devices which share it included."""


@dataclass(frozen=True, slots=True)
class Demand:
    """How firmly devices are asked for."""

    ids: tuple[str, ...]
    """Those that the load names, the CPU's too."""
    beside: tuple[Device, ...]
    """The CPU, if the load names it."""
    strict: bool
    """Whether at least a part of the model must be on them."""
    alone: bool
    """Whether all of it must be."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to place a model on."""

    devices: Sequence[Device]
    acceleration: Acceleration
    rooms: Rooms
    """What a model may take of each accelerator when all that are idle have left."""
    free: Rooms = field(default_factory=dict[str, int | None])
    """What it may take while none leaves."""


def on_cpu(subject: Subject) -> Placement:
    """All in the machine's memory."""
    parts = subject.parts
    return Placement(host_bytes=parts.host + parts.whole + parts.host_compute + parts.host_draft)
